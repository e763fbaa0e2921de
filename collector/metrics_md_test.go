package collector

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// The table of METRICS.md says of each family what the code declares. What other
// packages expose stands in it too, and is checked where it is made.
func TestMETRICSListsWhatIsDeclared(t *testing.T) {
	document, err := os.ReadFile("METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	row := func(name, kind string, labels []string, help string) string {
		for i, l := range slices.Sorted(slices.Values(labels)) {
			labels[i] = "`" + l + "`"
		}
		return fmt.Sprintf("| `%s` | %s | %s | %s |", name, kind, strings.Join(labels, ", "), help)
	}
	var rows []string
	names := make(map[string]bool)
	for _, f := range new(Collector).infosWith(nil).families() {
		kind := "gauge"
		if f.kind == prometheus.CounterValue {
			kind = "counter"
		}
		help := regexp.MustCompile(`help: "(.*?)", unit`).FindStringSubmatch(f.desc.String())[1]
		rows = append(rows, row(f.name, kind, slices.Clone(f.labels), help))
		names[f.name] = true
	}
	descs := make(chan *prometheus.Desc, 100)
	NewCounters().Describe(descs)
	close(descs)
	for d := range descs {
		m := regexp.MustCompile(`fqName: "(.*?)", help: "(.*?)", unit: .*?constLabels: {}, variableLabels: {(.*?)}`).FindStringSubmatch(d.String())
		kind := "histogram"
		if strings.HasSuffix(m[1], "_total") {
			kind = "counter"
		}
		rows = append(rows, row(m[1], kind, strings.FieldsFunc(m[3], func(r rune) bool { return r == ',' }), m[2]))
		names[m[1]] = true
	}
	slices.Sort(rows)
	lines := strings.Split(string(document), "\n")
	for _, r := range rows {
		if !slices.Contains(lines, r) {
			t.Errorf("METRICS.md lacks this line:\n%s", r)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(geelark_\\w+)` \\|").FindAllStringSubmatch(string(document), -1) {
		elsewhere := regexp.MustCompile(`^geelark_(config|state|exporter_build_info)`).MatchString(m[1])
		if !names[m[1]] && !elsewhere {
			t.Errorf("METRICS.md has %s, which nothing declares", m[1])
		}
	}
}
