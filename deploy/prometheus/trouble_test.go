package prometheus

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// What the tests below do to the first scenario in which an alert fires has nothing
// to do with what the alert is about, so that it must go on as if nothing was.

// TestAlertsGoOnWhileScrapesFailForSixMinutes lets every scrape fail while an alert
// fires. Without keep_firing_for it would be told as resolved, and again as firing.
func TestAlertsGoOnWhileScrapesFailForSixMinutes(t *testing.T) {
	t.Parallel()
	touch(t)
	const gap, after = 6, 4
	tests := make(unitTests)
	for alert, all := range scenarios(t) {
		s := all.Fires[0]
		w, numbers, err := s.world()
		if err != nil {
			t.Fatal(err)
		}
		from := s.firstFires(alert)
		w.pause(from+1, gap)
		tests.add(w, numbers, map[string]any{
			"name": alert, "interval": "1m", "input_series": w.input(),
			"promql_expr_test": []any{map[string]any{
				"eval_time":   fmt.Sprintf("%dm", from+gap+after),
				"expr":        fmt.Sprintf(`count_over_time(count(ALERTS{alertname=%q,alertstate="firing"})[%dm:1m])`, alert, gap+after),
				"exp_samples": []any{map[string]any{"labels": "{}", "value": float64(gap + after)}},
			}},
		})
	}
	tests.run(t)
}

// TestATwinThatLagsChangesNothing adds a second exporter of the account that sees
// nothing new: from the start, when the alert has yet to fire, or from when it
// fires, when it has yet to end.
func TestATwinThatLagsChangesNothing(t *testing.T) {
	t.Parallel()
	touch(t)
	for alert, all := range scenarios(t) {
		if alert == "GeelarkTasksFailingForOneCause" {
			continue // what was seen within the hour counts, whoever saw it
		}
		t.Run(alert, func(t *testing.T) {
			t.Parallel()
			tests := make(unitTests)
			for _, s := range all.Fires {
				s.Says = nil
				if !s.hasTwin() {
					continue
				}
				moments := []int{1, s.firstFires(alert)}
				if s.polls() {
					moments = moments[1:] // what polls well has not learned nothing
				}
				for _, from := range moments {
					w, numbers, err := s.world()
					if err != nil {
						t.Fatal(err)
					}
					w.twin(from)
					test, err := s.unitTest(rule{}, w)
					if err != nil {
						t.Fatal(err)
					}
					test["name"] = fmt.Sprintf("%s, with a twin that lags from %dm", s.When, from)
					tests.add(w, numbers, test)
				}
			}
			tests.run(t)
		})
	}
}

// firstFires returns the first minute in which the scenario sees the alert fire.
func (s scenario) firstFires(alert string) int {
	first := s.length()
	for at, fires := range s.Then {
		if strings.Contains(fires, alert+" ") {
			first = min(first, minutes(at))
		}
	}
	return first
}

// hasTwin tells whether a twin of the exporter would be one of all that the scenario
// is about.
func (s scenario) hasTwin() bool {
	account := false
	for _, line := range s.Given {
		account = account || line == "account a"
		if strings.Contains(line, " on ") || strings.HasPrefix(line, "exporter ") || strings.Contains(line, "instance=") {
			return false
		}
	}
	for _, fires := range s.Then {
		if strings.Contains(fires, "instance=") || strings.Contains(fires, "job=") {
			return false
		}
	}
	return account && s.length() <= 2*60
}

// polls tells whether the scenario says which polls work.
func (s scenario) polls() bool {
	return slices.ContainsFunc(s.Given, func(line string) bool { return strings.HasPrefix(line, "geelark_up{") })
}

// pause lets all scrapes fail for some minutes, after which the world goes on from
// where it was.
func (w *world) pause(from, length int) {
	w.length += length
	for key, values := range w.series {
		missing := slices.Repeat([]string{"_"}, length)
		if strings.HasPrefix(key, "up{") {
			missing = slices.Repeat([]string{"0"}, length)
		} else if values[from-1] != "_" && values[from-1] != stale {
			missing[0] = stale
		}
		w.series[key] = slices.Insert(values, from, missing...)
	}
}

// twin adds an exporter f of the same account as e that learns nothing new from a
// minute on. Both have a phone in common that is off, without a series of its own.
func (w *world) twin(from int) {
	for key, values := range maps.Clone(w.series) {
		old := slices.Clone(values)
		for i := from; i < w.length; i++ {
			old[i] = old[from]
			if strings.HasPrefix(key, "geelark_status_max_age_seconds{") {
				old[i] = plus(old[from], 60*float64(i-from))
			}
		}
		w.series[strings.Replace(key, `instance="e"`, `instance="f"`, 1)] = old
	}
	for _, e := range []string{"e", "f"} {
		labels := map[string]string{"job": "geelark", "instance": e, "account": "a", "code": "2", "status": "shut_down"}
		off := w.series[text("geelark_phones", labels)]
		for i := range off {
			off[i] = plus(off[i], 1)
		}
	}
}
