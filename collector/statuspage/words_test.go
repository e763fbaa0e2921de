package statuspage

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"geelark_exporter/collector/watch"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The page, the reference of metrics and the runbook say the same of a phone
// without a status.
func TestReasonsHaveOneWording(t *testing.T) {
	metrics, runbook := read(t, "../METRICS.md"), read(t, "../../deploy/prometheus/runbook.md")
	for _, r := range watch.Reasons() {
		if reasons[r] == "" {
			t.Errorf("the page has no words for %s", r)
		}
		if row := fmt.Sprintf("| `%s` | %s |", r, reasons[r]); !strings.Contains(metrics, row) {
			t.Errorf("METRICS.md does not hold %s", row)
		}
		if line := fmt.Sprintf("- `%s`: %s\n", r, reasons[r]); !strings.Contains(runbook, line) {
			t.Errorf("the runbook does not hold %s", line)
		}
	}
}
