package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"geelark_exporter/deploy/processtest"
)

func TestANameOfNoFamilyIsWarnedOfOnce(t *testing.T) {
	t.Parallel()
	p := demo(t, "--metrics.opt-in=.*", "--state.directory="+t.TempDir())
	const msg = "A scrape asks by name[] for a metric family that there is none of"
	for range 2 {
		p.get("/metrics?name[]=geelark_up&name[]=geelark_upp&name[]=go_goroutines&name[]=geelark_phone_status&name[]=geelark_api_requests_total&name[]=promhttp_metric_handler_requests_total")
		p.get("/probe?account=default&name[]=geelark_upp")
	}
	processtest.Eventually(t, "the warning", func() bool {
		return strings.Contains(p.Stderr.String(), "name=geelark_upp did_you_mean=geelark_up\n")
	})
	f := p.scrape()
	for _, names := range slices.Collect(slices.Chunk(slices.Sorted(maps.Keys(f)), 50)) {
		p.get("/metrics?name[]=" + strings.Join(names, "&name[]="))
	}
	if got := strings.Count(p.Stderr.String(), msg); got != 1 || len(f) < 60 {
		t.Errorf("of %d families, %d are taken for none: %s", len(f), got-1, &p.Stderr)
	}
	for i := range 100 {
		p.get(fmt.Sprintf("/metrics?name[]=%s%d", strings.Repeat("x", 100), i))
	}
	p.Stop()
	if got := strings.Count(p.Stderr.String(), msg); got != mostNames || strings.Contains(p.Stderr.String(), strings.Repeat("x", 65)) {
		t.Errorf("%d warnings, want %d: %s", got, mostNames, &p.Stderr)
	}
}
