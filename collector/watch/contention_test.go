package watch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestOthersThatSpendAreLoggedOnceAndCountedOverRotations(t *testing.T) {
	inBubble(t, 5, nil, func(b *bench) {
		const text = "Others spend from the account's limit"
		b.scrapeFor(time.Minute)
		want := 0
		meet := func() {
			want++
			b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeRateLimited, Times: 1})
			b.scrapeFor(3 * time.Minute)
			if got := b.account().Budget(geelark.EndpointPhoneStatus).Contended; got != want {
				t.Errorf("contended %d times, want %d", got, want)
			}
		}
		for i := range 4 {
			meet()
			token := fmt.Sprint("rotated-", i)
			b.sim.SetCredentials(token, "", "")
			b.reload(func(c *AccountConfig) { c.Credentials = geelark.Credentials{Token: geelark.Secret(token)} })
			b.scrapeFor(time.Minute)
			if got := b.account().Budget(geelark.EndpointPhoneStatus); got.Contended != want || got.Limits.PerMinute >= 150 {
				t.Errorf("with another token contended %d times, want %d, and %d a minute", got.Contended, want, got.Limits.PerMinute)
			}
		}
		b.wantLogged("while it goes on", text, 1)
		b.scrapeFor(time.Hour)
		meet()
		b.wantLogged("an hour later", text, 2)
	})
}

func TestOthersThatSpendAreLoggedForEachAPIAndAgainAfterAnHour(t *testing.T) {
	logs := new(processtest.Log)
	now := time.Unix(1000, 0)
	l := newContentionLog(log.NewLogfmtLogger(logs), func() time.Time { return now })
	for _, step := range []struct {
		name    string
		wait    time.Duration
		of      geelark.Endpoint
		outcome string
		want    int // lines
	}{
		{"an answer", 0, status, "0", 0},
		{"a limit that is broken", 0, status, "40007", 1},
		{"again within the hour", time.Hour - 1, status, "40007", 0},
		{"another limit", 0, listing, "40007", 1},
		{"an hour after the last", time.Hour, status, "40007", 1},
	} {
		now = now.Add(step.wait)
		before := strings.Count(logs.String(), "\n")
		l.see(geelark.Request{Endpoint: step.of, Outcome: step.outcome})
		if got := strings.Count(logs.String(), "\n") - before; got != step.want {
			t.Errorf("%s: %d lines, want %d: %s", step.name, got, step.want, logs)
		}
	}
	if !strings.Contains(logs.String(), "api="+listing) {
		t.Errorf("the API is not named: %s", logs)
	}
}

// Of what others with the same token met before, an account counts nothing.
func TestAnAccountCountsWhatItMeetsSinceItIsWatched(t *testing.T) {
	inBubble(t, 5, nil, func(b *bench) {
		meet := func() {
			b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeRateLimited, Times: 1})
			b.account().Refresh(b.t.Context(), b.Collectors())
			synctest.Wait()
			time.Sleep(3 * time.Minute)
		}
		want := func(when string, want ...int) {
			t.Helper()
			var got []int
			for _, a := range b.Fleet().Accounts {
				got = append(got, a.Budget(status).Contended)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: contended %v times, want %v", when, got, want)
			}
		}
		meet()
		meet()
		first, second := b.account().Config(), b.account().Config()
		second.Name, second.Credentials = "second", geelark.Credentials{Token: "another"}
		if err := b.Reload([]AccountConfig{first, second}); err != nil {
			t.Fatal(err)
		}
		want("with another token", 2, 0)
		second.Credentials = first.Credentials
		if err := b.Reload([]AccountConfig{first, second}); err != nil {
			t.Fatal(err)
		}
		want("with the token of the first", 2, 0)
		meet()
		want("when that meets others again", 3, 1)
		second.CacheTTL++
		if err := b.Reload([]AccountConfig{first, second}); err != nil {
			t.Fatal(err)
		}
		want("after another reload", 3, 1)
	})
}
