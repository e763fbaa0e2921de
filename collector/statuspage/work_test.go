package statuspage

import (
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/collector/ledger"
	"geelark_exporter/collector/tasks"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// A team sees what it spends and which tasks fail, of a fleet that works.
func TestThePageShowsWhatAFleetUsesAndHowItsTasksFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var api *geelarktest.Server
		b := newBenchOf(t, func(int) *geelarktest.Server {
			api = geelarktest.NewDemo(100, 1, time.Now)
			api.SetCredentials(testToken, "", "")
			return api
		}, watch.Collectors(), newConfig("farm"))
		defer b.watcher.Close()
		b.scrape()
		if page := b.get("/").Body.String(); !strings.Contains(page, "Bills were not read yet.") && !strings.Contains(page, "Nothing was counted since") {
			t.Errorf("before the first bill: %s", page)
		}
		for range 120 {
			time.Sleep(time.Minute)
			b.scrape()
		}
		synctest.Wait()
		page := b.get("/").Body.String()
		for _, want := range []string{
			`<p>Counted since 00:00 UTC: \d+\.\d\d \([^)]+\) in all, of which &#34;[a-z0-9-]+&#34; \d+\.\d\d \([^)]+\), `,
			`<p>\d+ tasks? open: .*(waiting|in progress)`,
			`<tr><th scope="row" class="name"><a href="\?account=farm&amp;id=\d+"><bdi>[^<0-9][^<]+</bdi></a></th><td>(tiktok|custom)[^<]*</td><td><code>\d+</code> [A-Z][^<]+\.</td><td>[A-Z][^<]+\.</td>`,
		} {
			if !regexp.MustCompile(want).MatchString(page) {
				t.Errorf("the page does not match %s: %s", want, page[strings.Index(page, "<main>"):])
			}
		}
	})
}

func TestUsedInFewWords(t *testing.T) {
	now := time.Date(2000, 1, 1, 14, 0, 0, 0, time.UTC)
	sum := func(minutes int, amount geelark.Amount) ledger.Sum {
		return ledger.Sum{Used: time.Duration(minutes) * time.Minute, Amount: amount * 1e9}
	}
	for name, tt := range map[string]struct {
		usage *watch.Usage
		want  string
	}{
		"not counted":    {nil, ""},
		"not read yet":   {&watch.Usage{}, "Bills were not read yet."},
		"nothing used":   {&watch.Usage{TodayFrom: now}, "Nothing was counted since 14:00 UTC."},
		"the dearest":    {&watch.Usage{TodayFrom: now, Today: map[string]ledger.Sum{"a": sum(10, 1), "": sum(70, 3)}}, `Counted since 14:00 UTC: 4.00 (1 h 20 min) in all, of which phones of no group 3.00 (1 h 10 min), "a" 1.00 (10 min).`},
		"paid otherwise": {&watch.Usage{TodayFrom: now, Today: map[string]ledger.Sum{"a": sum(10, 0), "b": sum(20, 0)}}, `Counted since 14:00 UTC: 0.00 (30 min) in all, of which "b" 0.00 (20 min), "a" 0.00 (10 min).`},
		"many groups": {
			&watch.Usage{TodayFrom: now, Today: map[string]ledger.Sum{"a": sum(1, 7), "b": sum(1, 6), "c": sum(1, 5), "d": sum(1, 4), "e": sum(1, 3), "f": sum(1, 2)}},
			`Counted since 14:00 UTC: 27.00 (6 min) in all, of which "a" 7.00 (1 min), "b" 6.00 (1 min), "c" 5.00 (1 min), "d" 4.00 (1 min), "e" 3.00 (1 min) and the rest by 1 more group.`,
		},
	} {
		a := account{AccountOverview: watch.AccountOverview{Usage: tt.usage}, status: &status{Overview: watch.Overview{At: now}}}
		if got := a.Used(); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestOpenTasksInFewWords(t *testing.T) {
	waiting, running := tasks.End{Type: 1, Status: geelark.TaskWaiting}, tasks.End{Type: 2, Status: geelark.TaskInProgress}
	for want, tt := range map[string]*watch.Tasks{
		"No task is open.":        {},
		"1 task open: 1 waiting.": {Open: map[tasks.End]int{waiting: 1}},
		"1,201 tasks open: 1 in progress, 1,200 waiting; 1 waits for more than ten minutes behind the time for which it was meant.": {
			Open: map[tasks.End]int{waiting: 1200, running: 1}, Overdue: map[geelark.TaskType]int{1: 1},
		},
	} {
		a := account{AccountOverview: watch.AccountOverview{Tasks: tt}}
		if got := a.OpenTasks(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
