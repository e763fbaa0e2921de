package collector

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// byToken is one address behind which each token has an API of its own.
type byToken map[string]http.RoundTripper

func (b byToken) RoundTrip(r *http.Request) (*http.Response, error) {
	return b[r.Header.Get("Authorization")].RoundTrip(r)
}

// inTwoTokens runs f with an API for each of two tokens and an account of the
// first one's.
func inTwoTokens(t *testing.T, f func(b *bench, x, y *geelarktest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		x := geelarktest.New(geelarktest.Config{Phones: 5, Seed: 1, Now: time.Now, Token: "X", Still: true})
		y := geelarktest.New(geelarktest.Config{Phones: 5, Seed: 2, Now: time.Now, Token: "Y", Still: true})
		b := newBench(t, byToken{"Bearer X": x.RoundTripper(), "Bearer Y": y.RoundTripper()}, nil, accountOf("a", "X"))
		defer b.Close()
		f(b, x, y)
	})
}

func accountOf(name string, token geelark.Secret) watch.AccountConfig {
	c := testConfig()
	c.Name, c.Credentials = name, geelark.Credentials{Token: token}
	return c
}

func TestALockStaysWithTheTokenWhenAccountsSwap(t *testing.T) {
	inTwoTokens(t, func(b *bench, x, y *geelarktest.Server) {
		x.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeHourLimit, Times: 1})
		b.scrape()
		locked := timestamp(time.Now().Add(2 * time.Hour))
		if err := b.Reload([]watch.AccountConfig{accountOf("a", "Y"), accountOf("b", "X")}); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			time.Sleep(time.Minute)
			b.scrape()
		}
		if got := x.Requests(status); got != 1 {
			t.Errorf("%d requests with the locked token", got-1)
		}
		if y.Requests(status) == 0 {
			t.Error("the other token waits for the lock")
		}
		s := b.exposed()
		s.want(t, `geelark_api_paused_until_timestamp_seconds{account="a",api="phone/status"}`, 0)
		s.want(t, `geelark_api_paused_until_timestamp_seconds{account="b",api="phone/status"}`, locked)
	})
}

func TestAccountsWithOneTokenShareTheLowestOfTheirBudgets(t *testing.T) {
	inTwoTokens(t, func(b *bench, x, _ *geelarktest.Server) {
		var accounts []watch.AccountConfig
		for i, perMinute := range []int{150, 20, 90} {
			c := accountOf(fmt.Sprint("team-", i), "X")
			trackAlso(20_000)(&c)
			c.Limits.PerMinute = perMinute
			accounts = append(accounts, c)
		}
		if err := b.Reload(accounts); err != nil {
			t.Fatal(err)
		}
		for range 6 {
			b.poll()
			time.Sleep(30 * time.Second)
		}
		if got := x.MostIn(status, time.Minute); got != 20 {
			t.Errorf("%d requests within a minute, want 20", got)
		}
		for _, a := range accounts {
			b.exposed().want(t, `geelark_api_budget_requests{account="`+a.Name+`",api="phone/status",window="minute"}`, 20)
		}
	})
}

func TestALockStaysWithTheTokenWhenItsFileMoves(t *testing.T) {
	inTwoTokens(t, func(b *bench, x, _ *geelarktest.Server) {
		move := func(name, file string) {
			path := filepath.Join(t.TempDir(), file)
			writeFile(t, path, "X\n")
			c := accountOf(name, "")
			c.Credentials = geelark.TokenFile(path)
			if err := b.Reload([]watch.AccountConfig{c}); err != nil {
				t.Fatal(err)
			}
			b.scrape()
		}
		x.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeHourLimit, Times: 1})
		for i := range 5 {
			move(fmt.Sprint("name-", i), fmt.Sprint("file-", i))
		}
		if got := x.Requests(status); got != 1 {
			t.Errorf("%d requests with the locked token", got-1)
		}
	})
}

// Nothing else reads the file while the only API that is called is locked.
func TestATokenThatIsRotatedDuringALockIsUsedFromTheNextScrapeOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	writeFile(t, path, "X")
	synctest.Test(t, func(t *testing.T) {
		x := geelarktest.New(geelarktest.Config{Phones: 5, Seed: 1, Now: time.Now, Token: "X", Still: true})
		y := geelarktest.New(geelarktest.Config{Phones: 5, Seed: 1, Now: time.Now, Token: "Y", Still: true})
		c := accountOf("a", "")
		c.Credentials, c.IDs = geelark.TokenFile(path), x.IDs()
		b := newBench(t, byToken{"Bearer X": x.RoundTripper(), "Bearer Y": y.RoundTripper()},
			func(o *options) { o.Collectors = []string{watch.CollectorStatus} }, c)
		defer b.Close()
		x.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeHourLimit, Times: 1})
		b.scrape()
		time.Sleep(time.Minute)
		b.scrape().want(t, `geelark_up{account="a"}`, 0)
		writeFile(t, path, "Y")
		for range 2 {
			time.Sleep(time.Minute)
			b.scrape()
			synctest.Wait()
		}
		b.exposed().want(t, `geelark_up{account="a"}`, 1)
		if x.Requests(status) != 1 || y.Requests(status) == 0 {
			t.Errorf("%d requests with the locked token, %d with the new one", x.Requests(status), y.Requests(status))
		}
	})
}

func TestATokenThatIsRotatedStartsWithWhatWasSpentAndWithoutThePause(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	inTwoTokens(t, func(b *bench, x, y *geelarktest.Server) {
		writeFile(t, path, "X")
		c := accountOf("a", "")
		c.Credentials, c.Limits.PerHour = geelark.TokenFile(path), 100
		if err := b.Reload([]watch.AccountConfig{c}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			b.scrape()
			time.Sleep(time.Minute)
		}
		spent := x.Requests(status)
		x.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeHourLimit, Times: 1})
		b.scrape()
		writeFile(t, path, "Y")
		time.Sleep(time.Minute)
		// The pause is seen before the file is read again.
		b.scrape()
		time.Sleep(5 * time.Minute)
		b.pollAndList()
		s := b.exposed()
		s.want(t, `geelark_api_paused_until_timestamp_seconds{account="a",api="phone/status"}`, 0)
		s.want(t, `geelark_api_budget_remaining_requests{account="a",api="phone/status",window="hour"}`, float64(100-spent-1-y.Requests(status)))
		if y.Requests(status) == 0 {
			t.Error("the new token was not used")
		}
	})
}
