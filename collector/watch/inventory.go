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

// inventory reads the account's list of phones: to find the phones to track when
// they are discovered, and to learn their descriptions.
type inventory struct {
	*job
	client   *geelark.Client
	store    *phones.Store
	discover *Discovery // nil: descriptions of what is tracked otherwise
	describe bool
	news     func() // called when phones were added
	progress func() // called when phones that are tracked anyway were listed
}

func newInventory(cfg *AccountConfig, describe bool, client *geelark.Client, store *phones.Store, now func() time.Time, logger log.Logger, news, progress func()) *inventory {
	i := &inventory{client: client, store: store, describe: describe, news: news, progress: progress}
	i.job = (&job{
		interval: cfg.InventoryInterval, work: i.list, ended: news,
		failure: "Listing the account's phones failed, what is known of them is kept",
		now:     now, logger: logger,
	}).init()
	if len(cfg.IDs) == 0 && cfg.IDsFile == "" {
		i.discover, i.interval = &cfg.Discovery, cfg.Discovery.Interval
	}
	i.retry = min(cfg.CacheTTL, i.interval)
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
	b := i.client.Budget(geelark.EndpointPhoneList)
	return i.isAwaited() && (b.InFlight > 0 || !b.Next.After(i.now()))
}

func (i *inventory) list(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, maxListing)
	defer cancel()
	// Their buffers hold the personal data of the last phones.
	defer i.client.CloseIdleConnections()
	if i.discover == nil {
		return i.listTracked(ctx)
	}
	round := i.store.NewRound()
	var found []geelark.ListedPhone
	track := func() {
		i.store.TrackListed(round, found, i.describe)
		found = found[:0]
		i.news()
	}
	for _, f := range i.discover.filters() {
		for p, err := range i.client.AllPhones(ctx, f) {
			if err != nil {
				track()
				return err
			}
			if !i.discover.selects(p.Phone) {
				continue
			}
			// A large fleet is polled while it is still listed, in whole batches
			// so that it costs no more calls.
			if found = append(found, p); len(found) == geelark.MaxStatusIDs {
				track()
			}
		}
	}
	track()
	i.store.RetainListed(round)
	return nil
}

// listTracked reads the descriptions of the phones that are tracked.
func (i *inventory) listTracked(ctx context.Context) error {
	for ids := range slices.Chunk(i.store.IDs(), geelark.MaxListIDs) {
		page, err := i.client.PhoneList(ctx, geelark.PhoneListFilter{IDs: ids}, 1, geelark.MaxListPageSize)
		if err != nil {
			return err
		}
		i.store.DescribeListed(page)
		i.progress()
	}
	return nil
}
