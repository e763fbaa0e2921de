package watch

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector/ledger"
	"geelark_exporter/collector/phones"
	"geelark_exporter/geelark"
)

const (
	// usageInterval is how often what was used is read. The vendor makes an entry
	// a minute for a phone at the most.
	usageInterval = 2 * time.Minute
	// usageCalls are the most calls of a turn: two thirds of what the endpoint's
	// budget allows meanwhile.
	usageCalls = 40
)

// Sums are what phones used and paid for.
type Sums = phones.Chunk[ledger.Sum]

// A Usage is what an account used and paid for since counting began.
type Usage struct {
	Groups map[ledger.GroupUse]ledger.Sum
	Phones []*Sums       // in the order of their ids
	Last   time.Time     // when the latest entry was created; zero: none
	Behind time.Duration // how much time has passed of which entries were not read
	// Today is the time and the money that were counted since TodayFrom, by group.
	Today     map[string]ledger.Sum
	TodayFrom time.Time // zero: nothing was read yet
}

// usage adds up what the account used and paid for.
type usage struct {
	*job
	store  *phones.Store
	client *geelark.Client
	ledger *ledger.Ledger
	reader *ledger.Reader // of the run that is under way
	kept   *keeper

	mu     sync.Mutex
	sums   []*Sums
	readTo time.Time // by the local clock
	today  today
}

// newUsage goes on from what another account knew whose place this one takes.
func newUsage(a *Account, o *Options, logger log.Logger) *usage {
	kept := new(keeper)
	u := &usage{store: a.store, client: a.client, readTo: o.Now(), kept: kept}
	u.ledger = ledger.New(u.readTo, func(c ledger.Change) { kept.append(usageRecord{Change: &c}) })
	u.reader = ledger.NewReader(u.ledger, a.client, u.readTo, u.readTo, a.store.GroupOf, o.Now)
	u.job = &job{
		workers: a.workers, interval: usageInterval, retry: usageInterval, work: u.turn, notify: a.scrapes.notify,
		now:    o.Now,
		record: a.telling(CollectorUsage, NewFailureLog("Reading what was used", "what is known of it is kept", logger, o.Now)),
	}
	return u
}

// turn reads what is new.
func (u *usage) turn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, usageInterval)
	defer cancel()
	counted := u.ledger.Groups()
	u.mu.Lock()
	begins := u.today.begin(u.now(), u.readTo, counted)
	day := u.today
	u.mu.Unlock()
	if begins {
		u.kept.append(usageRecord{Today: &day})
	}
	err := u.reader.Turn(ctx, usageCalls)
	now := u.now()
	// An hour more, since the vendor's clock counts.
	u.ledger.Forget(now.Add(-geelark.FlowMemory-time.Hour), u.store.Tracks)
	u.kept.append(u.position())
	sums := u.sumsOfPhones()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.sums, u.readTo = sums, now.Add(-u.reader.Behind())
	return err
}

// sumsOfPhones returns the phones' sums, in the chunks of before where these have
// not changed.
func (u *usage) sumsOfPhones() []*Sums {
	sums := make(map[string]ledger.Sum)
	u.ledger.Phones(func(id string, p ledger.Phone) bool {
		sums[id] = p.Sum
		return true
	})
	u.mu.Lock()
	before := u.sums
	u.mu.Unlock()
	return phones.Chunks(before, slices.Sorted(maps.Keys(sums)), func(id string) ledger.Sum { return sums[id] })
}

func (u *usage) inherit(from *usage) {
	u.job.inherit(from.job)
	from.mu.Lock()
	defer from.mu.Unlock()
	u.sums, u.readTo, u.ledger, u.today, u.kept = from.sums, from.readTo, from.ledger, from.today, from.kept
	u.reader = from.reader.With(u.reader)
}

// restore goes on from what an earlier process learned.
func (u *usage) restore(r usageRecord) {
	if r.Change != nil {
		u.ledger.Restore(*r.Change)
	}
	if r.Today != nil {
		u.today = *r.Today
	}
	if !r.Read.IsZero() {
		u.reader = ledger.NewReader(u.ledger, u.client, r.Read, r.CaughtUp, u.store.GroupOf, u.now)
		u.readTo = u.now().Add(-u.reader.Behind())
	}
}

// position is up to where reading has come.
func (u *usage) position() usageRecord {
	return usageRecord{Read: u.reader.Read(), CaughtUp: u.reader.CaughtUp()}
}

// say adds all that is known.
func (u *usage) say(add func([]byte)) {
	whole := u.ledger.Whole()
	add(encode(usageRecord{Change: &whole}))
	add(encode(u.position()))
	u.mu.Lock()
	day := u.today
	u.mu.Unlock()
	add(encode(usageRecord{Today: &day}))
}

func (u *usage) known() Usage {
	u.mu.Lock()
	defer u.mu.Unlock()
	groups := u.ledger.Groups()
	return Usage{
		Groups: groups, Phones: u.sums, Last: u.ledger.Last(), Behind: max(u.now().Sub(u.readTo), 0),
		Today: u.today.used(groups), TodayFrom: u.today.From,
	}
}

// Usage returns what the account used and paid for.
func (a *Account) Usage() Usage { return a.usage.known() }
