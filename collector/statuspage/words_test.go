package statuspage

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"geelark_exporter/collector/tasks"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The page and the runbook say the same of a task that failed.
func TestCodesOfTasksHaveOneWording(t *testing.T) {
	_, table, _ := strings.Cut(read(t, "../../deploy/prometheus/runbook.md"), "### Codes of failed tasks\n")
	table, _, _ = strings.Cut(table, "\n## ")
	said := make(map[geelark.Code]string)
	for _, m := range regexp.MustCompile("(?m)^\\| (`.*) \\| (.*) \\| (.*) \\|$").FindAllStringSubmatch(table, -1) {
		first, last, isRange := strings.Cut(m[1], " to ")
		codes := regexp.MustCompile(`\d+`).FindAllString(m[1], -1)
		if isRange {
			codes = nil
			from, to := number(t, first), number(t, last)
			for hundred := from; hundred <= to; hundred++ {
				codes = append(codes, fmt.Sprint(hundred))
			}
		}
		for _, code := range codes {
			// A hundred has three digits, of which no code has so few.
			said[geelark.Code(number(t, code))] = m[2] + " " + m[3]
		}
	}
	for code := geelark.Code(20000); code <= geelark.CodeStartCap; code++ {
		f := failedTask{Failure: tasks.Failure{Task: geelark.Task{FailCode: code}}}
		general := said[code/100]
		if want := cmp.Or(said[code], general, "Undocumented code. "+f.Advice()); f.Meaning()+" "+f.Advice() != want {
			t.Errorf("%d: the page says %q, the runbook %q", code, f.Meaning()+" "+f.Advice(), want)
		}
	}
	if len(said) < 20 {
		t.Errorf("the runbook has %d codes", len(said))
	}
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(regexp.MustCompile(`\d+`).FindString(s))
	if err != nil {
		t.Fatal(err)
	}
	return n
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
