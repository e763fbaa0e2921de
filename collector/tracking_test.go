package collector

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

const listing = "phone/list"

func TestIDsFromFlagsAndFileAreTrackedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids")
	writeFile(t, path, "2\n3\n3\n")
	inBubble(t, 0, func(c *watch.AccountConfig) { c.IDs = []string{"1", "2", "1"}; c.IDsFile = path }, func(b *bench) {
		s := b.scrape()
		s.addUp(t, 3)
		s.want(t, `geelark_phone_lookup_failures_total{account="default",code="42001"}`, 3)
		if got := b.sim.Requests(listing); got != 0 {
			t.Errorf("the list was asked for %d times", got)
		}

		writeFile(t, path, "4\n5\n6\n")
		b.scrape().addUp(t, 5)

		writeFile(t, path, "not an id\n")
		b.scrape().addUp(t, 5)
		b.scrape()
		if got := strings.Count(b.logs.String(), path+":1: "); got != 1 {
			t.Errorf("the broken line is logged %d times, want once: %s", got, b.logs)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		b.scrape().addUp(t, 5)
		if !strings.Contains(b.logs.String(), "no such file") {
			t.Errorf("the missing file is not logged: %s", b.logs)
		}
		writeFile(t, path, "# none\n")
		b.scrape().addUp(t, 2)
	})
}

func TestAnEmptyFileTracksNothingAndSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids")
	writeFile(t, path, "")
	inBubble(t, 10, func(c *watch.AccountConfig) { c.IDsFile = path }, func(b *bench) {
		s := b.scrape()
		s.addUp(t, 0)
		s.want(t, `geelark_up{account="default"}`, 1)
		if !strings.Contains(b.logs.String(), "No phone is tracked") {
			t.Errorf("logged: %s", b.logs)
		}
	})
}

func TestTheAccountsListIsReadAtEachInterval(t *testing.T) {
	inBubble(t, 250, nil, func(b *bench) {
		b.scrape().addUp(t, 250)
		b.sim.Add(50)
		for end := time.Now().Add(290 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Second) {
			b.pollAndList()
		}
		if got := b.sim.Requests(listing); got != 3 {
			t.Errorf("%d pages read within the interval, want 3", got)
		}
		time.Sleep(10 * time.Second)
		b.pollAndList()
		s := b.scrape()
		s.addUp(t, 300)
		s.wantUnobserved(t, "default", 0)
		if got := b.sim.Requests(listing); got != 6 {
			t.Errorf("%d pages read, want 6", got)
		}
	})
}

func TestADeletedPhoneShowsItsFailureUntilTheListAgrees(t *testing.T) {
	inBubble(t, 10, nil, func(b *bench) {
		b.scrape()
		id := b.sim.IDs()[4]
		b.sim.Remove(id)
		time.Sleep(31 * time.Second)
		b.scrape().want(t, `geelark_phone_lookup_failed{account="default",code="42001",id="`+id+`"}`, 1)
		time.Sleep(5 * time.Minute)
		b.pollAndList()
		s := b.scrape()
		s.addUp(t, 9)
		s.absent(t, "geelark_phone_lookup_failed{")
	})
}

func TestAListingThatFailsLosesNothing(t *testing.T) {
	inBubble(t, 250, nil, func(b *bench) {
		b.scrape().addUp(t, 250)
		time.Sleep(5 * time.Minute)
		remove := b.sim.Inject(geelarktest.Fault{Endpoint: listing, Code: geelark.CodePermission})
		b.pollAndList()
		s := b.scrape()
		s.addUp(t, 250)
		s.want(t, `geelark_up{account="default"}`, 0)
		if !strings.Contains(b.logs.String(), "Listing the account's phones failed") {
			t.Errorf("logged: %s", b.logs)
		}
		remove()
		time.Sleep(30 * time.Second)
		b.pollAndList()
		b.scrape().want(t, `geelark_up{account="default"}`, 1)
	})
}

func TestAListingThatFailsHalfwayTracksWhatItFound(t *testing.T) {
	inBubble(t, 250, nil, func(b *bench) {
		b.sim.Inject(geelarktest.Fault{Endpoint: listing, Before: func(string) {
			if b.sim.Requests(listing) == 1 {
				b.sim.Inject(geelarktest.Fault{Endpoint: listing, Code: geelark.CodePermission})
			}
		}})
		b.scrape().addUp(t, 100)
	})
}

func TestALockedListIsLeftAloneWhileStatusesArePolled(t *testing.T) {
	inBubble(t, 10, nil, func(b *bench) {
		b.scrape()
		time.Sleep(5 * time.Minute)
		b.sim.Inject(geelarktest.Fault{Endpoint: listing, Code: geelark.CodeHourLimit, Times: 1})
		b.pollAndList()
		before := b.sim.Requests(listing)
		for range 100 {
			time.Sleep(time.Minute)
			b.pollAndList()
		}
		if got := b.sim.Requests(listing) - before; got != 0 {
			t.Errorf("%d requests to the locked list", got)
		}
		s := b.scrape()
		s.want(t, `geelark_up{account="default"}`, 0)
		s.wantUnobserved(t, "default", 0)
		if b.sim.Requests(status) < 90 {
			t.Error("the statuses are not polled meanwhile")
		}
	})
}

func TestAnAccountWithoutPhonesIsUp(t *testing.T) {
	inBubble(t, 0, nil, func(b *bench) {
		s := b.scrape()
		s.want(t, `geelark_up{account="default"}`, 1)
		s.addUp(t, 0)
		if s[`geelark_account_last_success_timestamp_seconds{account="default"}`] == 0 {
			t.Error("the listing is no success")
		}
	})
}

func TestALargeFleetIsUpBeforeItIsListedWhole(t *testing.T) {
	inBubble(t, 2000, func(c *watch.AccountConfig) { c.Limits.PerMinute = 5 }, func(b *bench) {
		b.exposed().want(t, `geelark_up{account="default"}`, 0)
		s := b.scrape()
		s.want(t, `geelark_up{account="default"}`, 1)
		s.want(t, `geelark_phones_tracked{account="default"}`, 500)
	})
}
