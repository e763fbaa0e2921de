package watch

import (
	"context"
	"slices"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector/phones"
	"geelark_exporter/geelark"
)

// A listing of the largest fleet waits for its budget for more than an hour,
// and must not wait for the end of a two-hour lock.
const maxListing = 110 * time.Minute

// An inventory reads the account's list of phones: to find the phones to track
// when they are discovered, and to learn their descriptions.
type inventory struct {
	*job
	client    *geelark.Client
	store     *phones.Store
	discovery *Discovery // nil: descriptions of what is tracked otherwise
	describe  bool
	poller    *poller // told of phones that were found
	losses    losses
	oddities  *oddities
	skipped   func(n int) // told of items that name no phone
	logger    log.Logger

	// Of the last whole listing; guarded by the job's lock.
	listed    int
	isListed  bool
	vain      *Vain
	unmatched *Unmatched
}

func newInventory(a *Account, o *Options, logger log.Logger) *inventory {
	i := &inventory{client: a.client, store: a.store, describe: a.Has(CollectorInventory), poller: a.poller, losses: a.newLosses(logger), oddities: a.oddities, logger: logger}
	i.skipped = func(n int) { o.Observer.ItemsSkipped(a.name, n) }
	i.job = &job{
		workers: a.workers, interval: a.cfg.InventoryInterval, work: i.listTracked,
		notify: a.scrapes.notify, now: o.Now,
		record: a.telling(CollectorInventory, NewFailureLog("Listing the account's phones", "what is known of them is kept", logger, o.Now)),
	}
	if a.discovers() {
		i.discovery = &a.cfg.Discovery
		i.work, i.begins, i.ended = i.discover, i.poller.fill, func() {
			i.poller.fill(false)
			i.poller.found()
		}
	}
	i.retry = min(a.cfg.CacheTTL, i.interval)
	return i
}

// start begins a listing if one is due and no pause is in its way.
func (i *inventory) start(now time.Time) {
	if i.client.Budget(geelark.EndpointPhoneList).PausedUntil.IsZero() {
		i.job.start(now)
	}
}

// pending reports whether the phones are being discovered for the first time,
// and not for want of budget later than a scrape could wait.
func (i *inventory) pending() bool {
	return i.isAwaited() && isWorthWaiting(i.client.Budget(geelark.EndpointPhoneList), i.now())
}

// discover tracks the phones of the account's list.
func (i *inventory) discover(ctx context.Context) error {
	ctx, done := i.begin(ctx)
	defer done()
	round := i.store.NewRound()
	seen := newSightings()
	phones := 0
	var found []geelark.ListedPhone
	track := func() {
		if len(found) == 0 {
			return
		}
		i.store.TrackListed(round, found, i.describe)
		phones += len(found)
		found = found[:0]
		i.progressed()
		i.poller.found()
	}
	whole := true
	look := func(p *geelark.PhonePage) { whole = i.look(p) && whole }
	for _, f := range i.discovery.filters() {
		for p, err := range i.client.AllPhones(ctx, f, look) {
			if err != nil {
				track()
				return err
			}
			if CheckID(p.ID) != nil {
				continue
			}
			if !i.discovery.selects(p.Phone) {
				continue
			}
			seen.see(p.Phone, f)
			// A large fleet is polled while it is still listed, in whole batches
			// so that it costs no more calls.
			if found = append(found, p); len(found) == geelark.MaxStatusIDs {
				track()
			}
		}
	}
	track()
	if !whole {
		return nil // an item that names no phone may have been that of any
	}
	i.oddities.see(i.logger, geelark.EndpointPhoneList, nil, []string{""})
	i.losses.take(i.store.RetainListed(round, i.now(), !i.discovery.isAll()))
	if !i.discovery.isAll() {
		// Who waits for the phones does not wait for what is not selected.
		i.poller.fill(false)
		i.poller.found()
		if phones > 0 {
			i.release()
		}
		i.compare(ctx, phones, seen)
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.listed, i.isListed = phones, true
	return nil
}

// selectsInVain returns why the last whole listing found no phone to track, nil
// when it found some or there are none, and which names of the selection matched
// none of those that it found, nil when all did.
func (i *inventory) selectsInVain() (*Vain, *Unmatched) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.vain, i.unmatched
}

// look tells of what is odd in a page, and reports whether each of its items names
// a phone.
func (i *inventory) look(p *geelark.PhonePage) (whole bool) {
	skipped, odd := p.Skipped, p.Oddities
	var ids []string
	for _, phone := range p.Phones {
		ids = append(ids, phone.ID)
		if CheckID(phone.ID) != nil {
			skipped++
		}
	}
	if skipped > 0 {
		i.skipped(skipped)
		odd = append(slices.Clone(odd), geelark.Oddity{Field: "id"})
	}
	i.oddities.see(i.logger, geelark.EndpointPhoneList, odd, ids)
	return skipped == 0
}

// phonesListed returns how many phones the account has, and whether that is known.
func (i *inventory) phonesListed() (n int, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.listed, i.isListed
}

// begin bounds a listing.
func (i *inventory) begin(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithTimeout(ctx, maxListing)
	return ctx, func() {
		// Their buffers hold the personal data of the last phones.
		i.client.CloseIdleConnections()
		cancel()
	}
}

// listTracked reads the descriptions of the phones that are tracked.
func (i *inventory) listTracked(ctx context.Context) error {
	ctx, done := i.begin(ctx)
	defer done()
	for ids := range slices.Chunk(i.store.IDs(), geelark.MaxListIDs) {
		page, err := i.client.PhoneList(ctx, geelark.PhoneListFilter{IDs: ids}, 1, geelark.MaxListPageSize)
		if err != nil {
			return err
		}
		i.look(page)
		i.store.DescribeListed(page)
		i.progressed()
		i.notify()
	}
	return nil
}

// known is what a later process goes on from.
func (i *inventory) known() listingRecord {
	i.mu.Lock()
	defer i.mu.Unlock()
	return listingRecord{Known: i.job.known, Next: i.next, Last: i.last, Listed: i.listed, IsListed: i.isListed, Vain: i.vain, Unmatched: i.unmatched}
}

// restore goes on from what an earlier process knew.
func (i *inventory) restore(r listingRecord, now time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !r.Known {
		return
	}
	i.job.known, i.finished, i.last = true, true, r.Last
	i.listed, i.isListed, i.vain, i.unmatched = r.Listed, r.IsListed, r.Vain, r.Unmatched
	if i.next = r.Next; i.next.After(now.Add(i.interval)) {
		i.next = now.Add(i.interval) // the clock was set back
	}
}

// inherit takes over what another inventory with the same selection knows.
func (i *inventory) inherit(from *inventory) {
	i.job.inherit(from.job)
	i.losses.doubted = from.losses.doubted
	i.listed, i.isListed = from.phonesListed()
	i.vain, i.unmatched = from.selectsInVain()
}
