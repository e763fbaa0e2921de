package watch

import (
	"slices"
	"testing"

	"geelark_exporter/geelark"
)

func TestEachEndpointIsThatOfOneCollector(t *testing.T) {
	called := make(map[geelark.Endpoint]string)
	for _, c := range Collectors() {
		endpoints := endpointsOf(c)
		if len(endpoints) == 0 {
			t.Errorf("%s calls nothing", c)
		}
		for _, e := range endpoints {
			if other := called[e]; other != "" {
				t.Errorf("%s is called by %s and %s", e, other, c)
			}
			called[e] = c
		}
	}
	if len(called) != len(geelark.Endpoints()) {
		t.Errorf("%v are called, there are %v", called, geelark.Endpoints())
	}
	if got := DefaultCollectors(); !slices.Equal(got, []string{"status", "inventory", "billing"}) {
		t.Errorf("%v are on unless somebody says otherwise", got)
	}
}
