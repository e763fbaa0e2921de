package watch

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestAFailureIsLoggedOnceForEachOfItsReasonsAndCountedAtItsEnd(t *testing.T) {
	logs := new(processtest.Log)
	now := time.Unix(1000, 0)
	l := NewFailureLog("Polling", "known statuses are kept", log.NewLogfmtLogger(logs), func() time.Time { return now })
	code := func(c geelark.Code, trace string) error {
		return &geelark.APIError{Endpoint: geelark.EndpointPhoneStatus, Code: c, TraceID: trace}
	}
	wallet := &geelark.HTTPError{Endpoint: geelark.EndpointWallet, StatusCode: 502}
	for _, step := range []struct {
		name string
		err  error
		want string // what is logged
	}{
		{"what works at first", nil, ""},
		{"a failure", code(40003, "1"), `level=error msg="Polling failed, known statuses are kept" err=`},
		{"the same in another request", code(40003, "2"), ""},
		{"another code", code(50000, "3"), "50000"},
		{"the first again", code(40003, "4"), ""},
		{"another beside one that is known", errors.Join(code(40003, "5"), wallet), "502"},
		{"its end", nil, `level=info msg="Polling works again" failures=5 after=5s`},
		{"what goes on working", nil, ""},
		{"the same after the end", code(40003, "6"), "40003"},
		{"its end", nil, "failures=1 after=1s"},
		{"what is held back by a pause", &geelark.LimitError{Endpoint: geelark.EndpointPhoneStatus, Pause: 40014, Until: now}, "paused until"},
		{"and still is", &geelark.LimitError{Endpoint: geelark.EndpointPhoneStatus, Pause: 40014, Until: now.Add(time.Hour)}, ""},
	} {
		before := len(logs.String())
		l.Report(step.err)
		got := logs.String()[before:]
		if !strings.Contains(got, step.want) || strings.Count(got, "\n") != min(len(step.want), 1) {
			t.Errorf("%s: logged %q, want %q", step.name, got, step.want)
		}
		now = now.Add(time.Second)
	}
	l.Forget()
	before := len(logs.String())
	l.Report(nil)
	if got := logs.String()[before:]; got != "" {
		t.Errorf("what was forgotten ends: %q", got)
	}
}

func TestFailuresThatDifferEachTimeDoNotFillTheLog(t *testing.T) {
	logs := new(processtest.Log)
	l := NewFailureLog("Polling", "known statuses are kept", log.NewLogfmtLogger(logs), time.Now)
	for i := range 1000 {
		l.Report(fmt.Errorf("failure %d", i))
	}
	l.Report(nil)
	if got := strings.Count(logs.String(), "\n"); got != 10+1 || !strings.Contains(logs.String(), "failures=1000") {
		t.Errorf("%d lines: %s", got, logs)
	}
}

// Whatever an account asks for again and again says that it fails once, also when
// a reload comes between, and that it works again once.
func TestEveryCollectorLogsAFailureOnceAndItsEnd(t *testing.T) {
	inBubbleWith(t, 20, func(o *Options) { o.Collectors = Collectors() }, func(c *AccountConfig) { c.BillingInterval = MinBillingInterval }, func(b *bench) {
		remove := b.sim.Inject(geelarktest.Fault{Code: geelark.CodePermission})
		b.scrapeFor(15 * time.Minute)
		b.reload(func(c *AccountConfig) { c.CacheTTL = 40 * time.Second })
		b.scrapeFor(15 * time.Minute)
		for _, what := range []string{"Listing the account's phones", "Reading wallet and plan", "Reading what was used", "Reading tasks"} {
			b.wantLogged("while it fails", what+" failed", 1)
		}
		remove()
		b.scrapeFor(15 * time.Minute)
		for _, what := range []string{"Listing the account's phones", "Reading wallet and plan", "Reading what was used", "Reading tasks"} {
			b.wantLogged("when it works", what+" works again", 1)
		}
		b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodePermission, Times: 5})
		b.scrapeFor(15 * time.Minute)
		b.wantLogged("while it fails", "Polling failed", 1)
		b.wantLogged("when it works", `"Polling works again" failures=5`, 1)
	})
}

// A list can tell all statuses while a lock holds the polls back: that is no end of
// the failure, neither in the log nor on the page.
func TestNothingWorksAgainBeforeThePauseThatItsFailureBeganIsOver(t *testing.T) {
	inBubbleWith(t, 20, nil, func(c *AccountConfig) {
		c.CacheTTL, c.InventoryInterval = time.Second, 5*time.Second
	}, func(b *bench) {
		b.pollAndList()
		for _, id := range b.sim.IDs() {
			b.sim.SetStatus(id, int(geelark.StatusStarted))
		}
		b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeHourLimit, Times: 1})
		follow := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
				b.pollAndList()
				b.account().Up() // as whoever shows it asks
			}
		}
		follow(10 * time.Minute)
		b.wantLogged("while it is locked", "Polling failed", 1)
		b.wantLogged("while it is locked", "Polling works again", 0)
		if a := b.Overview().Accounts[0]; a.Up || !a.Errors[0].Ongoing {
			t.Errorf("while it is locked: up %t, %+v", a.Up, a.Errors)
		}
		follow(2 * time.Hour)
		b.wantLogged("after the lock", "Polling works again", 1)
		if a := b.Overview().Accounts[0]; !a.Up || a.Errors[0].Ongoing {
			t.Errorf("after the lock: up %t, %+v", a.Up, a.Errors)
		}
	})
}

// A listing is whole without the look at the phones that are not selected, which
// can be what is locked.
func TestAListThatWorkedBeforeItsLockDoesNotWorkAgainInIt(t *testing.T) {
	inBubbleWith(t, 20, nil, func(c *AccountConfig) { c.Discovery.Groups = []string{"no such group"} }, func(b *bench) {
		b.sim.Inject(geelarktest.Fault{Endpoint: listing, Code: geelark.CodePermission, Times: 1})
		b.pollAndList()
		b.wantLogged("at first", "Listing the account's phones failed", 1)
		locked := false
		api := b.sim.RoundTripper()
		b.transport = func(r *http.Request) (*http.Response, error) {
			resp, err := api.RoundTrip(r)
			if !locked && strings.HasSuffix(r.URL.Path, listing) {
				locked = true // from the next one on
				b.sim.Inject(geelarktest.Fault{Endpoint: listing, Code: geelark.CodeHourLimit, Times: 1})
			}
			return resp, err
		}
		b.scrapeFor(2 * time.Minute)
		if !locked || b.account().Budget(listing).PausedUntil.IsZero() {
			t.Fatal("the list is not locked")
		}
		b.wantLogged("while it is locked", "Listing the account's phones works again", 0)
		b.scrapeFor(3 * time.Hour)
		b.wantLogged("after the lock", "Listing the account's phones works again", 1)
	})
}
