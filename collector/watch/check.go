package watch

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"geelark_exporter/geelark"
)

// A Check is what came of asking the API whether an account works.
type Check struct {
	AccountOverview // Phones are those that are selected

	Failure       *AccountError // nil: it works
	Reached       bool          // something answered
	Authenticated bool          // and knows the account
	AtMost        bool          // a phone may count twice in Phones
	// Seen are the phones of which groups and tags were read; there can be more.
	Seen             int
	SeenGroups, Tags []string // in ascending order
	// Unlisted are those of the first Sought ids in the configuration that the
	// account does not have.
	Unlisted []string
	Sought   int
}

// Works reports whether the account can be watched, and has phones to watch if it
// has any.
func (c *Check) Works() bool {
	return c.Failure == nil && c.Vain == nil && (c.Sought == 0 || len(c.Unlisted) < c.Sought)
}

// maxChecks is the most accounts that are checked at a time.
const maxChecks = 8

// maxSought is the most ids that a check looks for.
const maxSought = 10 * geelark.MaxListIDs

// Check asks the API whether each account works, with one request for each
// account, and one more for each filter of a large account that selects some of
// its phones, or for each hundred of its ids, up to ten. All of them are within the
// budgets.
func (w *Watcher) Check(ctx context.Context) []Check {
	accounts := w.fleet.Load().Accounts
	checks := make([]Check, len(accounts))
	places := make(chan struct{}, maxChecks)
	var asking sync.WaitGroup
	for i, a := range accounts {
		places <- struct{}{}
		asking.Go(func() {
			defer func() { <-places }()
			checks[i] = a.check(ctx)
		})
	}
	asking.Wait()
	overviews := make([]*AccountOverview, len(checks))
	for i := range checks {
		overviews[i] = &checks[i].AccountOverview
	}
	share(accounts, overviews)
	return checks
}

func (a *Account) check(ctx context.Context) Check {
	var c Check
	defer a.client.CloseIdleConnections() // their buffers hold the personal data of phones
	page, err := a.client.PhoneList(ctx, geelark.PhoneListFilter{}, 1, geelark.MaxListPageSize)
	selected := a.store.Len()
	seen := newSightings() // among the selected phones
	switch {
	case err != nil:
	case a.discovers():
		selected, c.AtMost, err = a.countSelected(ctx, page, seen)
	default:
		err = a.seek(ctx, page, &c)
	}
	c.AccountOverview = a.overview()
	if err != nil {
		c.Failure = &accountErrors(err)[0]
		if o := c.Failure.Outcome; errors.Is(ctx.Err(), context.Canceled) && (o == OutcomeNotSent || o == string(geelark.ReasonCanceled)) {
			c.Failure = &AccountError{Outcome: OutcomeInterrupted}
		}
		c.Failure.Ongoing = true
		c.Reached, c.Authenticated = answered(err)
		return c
	}
	c.Reached, c.Authenticated = true, true
	c.Phones, c.Listed, c.Seen = selected, geelark.Some(page.Total), len(page.Phones)
	c.Costs = a.Costs(selected, page.Total)
	all := newSightings()
	for _, p := range page.Phones {
		all.see(p, geelark.PhoneListFilter{})
	}
	c.SeenGroups, c.Tags = slices.Sorted(maps.Keys(all.groups)), slices.Sorted(maps.Keys(all.tags))
	d := &a.cfg.Discovery
	switch unmatched := seen.unmatched(d); {
	case !a.discovers() || page.Total == 0:
	case selected == 0:
		c.Vain = &Vain{Phones: page.Total, Of: *d, Groups: nearest(d.Groups, all.groups), Tags: nearest(d.Tags, all.tags)}
	case unmatched != nil:
		unmatched.NearGroups, unmatched.NearTags = nearest(unmatched.Groups, all.groups), nearest(unmatched.Tags, all.tags)
		c.Unmatched = unmatched
	}
	return c
}

// countSelected returns how many of the account's phones are selected, of which
// there is the first page without a selection, and sees their names.
func (a *Account) countSelected(ctx context.Context, page *geelark.PhonePage, seen *sightings) (n int, atMost bool, err error) {
	d := &a.cfg.Discovery
	switch {
	case d.isAll():
		return page.Total, false, nil
	case page.Total <= len(page.Phones):
		for _, p := range page.Phones {
			if d.selects(p) {
				seen.see(p, geelark.PhoneListFilter{})
				n++
			}
		}
		return n, false, nil
	}
	for _, f := range d.filters() {
		p, err := a.client.PhoneList(ctx, f, 1, 1)
		if err != nil {
			return n, false, err
		}
		if n += p.Total; p.Total > 0 {
			seen.see(geelark.Phone{}, f) // whose names its phones have
		}
	}
	return n, len(d.Tags) > 1, nil // a phone can have several tags, and is in one group
}

// seek looks for the ids in the configuration among the account's phones, of which
// there is the first page.
func (a *Account) seek(ctx context.Context, page *geelark.PhonePage, c *Check) error {
	ids := a.store.IDs()
	ids = ids[:min(len(ids), maxSought)]
	listed := make(map[string]bool)
	see := func(page *geelark.PhonePage) {
		for _, p := range page.Phones {
			listed[p.ID] = true
		}
	}
	if see(page); page.Total > len(page.Phones) {
		for some := range slices.Chunk(ids, geelark.MaxListIDs) {
			page, err := a.client.PhoneList(ctx, geelark.PhoneListFilter{IDs: some}, 1, geelark.MaxListPageSize)
			if err != nil {
				return err
			}
			see(page)
		}
	}
	c.Sought = len(ids)
	c.Unlisted = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return listed[id] })
	return nil
}

// answered reports whether the error of a call came from something that answered,
// and whether that was the API, which knew the account.
func answered(err error) (reached, authenticated bool) {
	if e, ok := errors.AsType[*geelark.APIError](err); ok {
		return true, !slices.Contains([]geelark.Code{geelark.CodeSignature, geelark.CodeNoTraceID, geelark.CodeUserNotFound}, e.Code)
	}
	if _, ok := errors.AsType[*geelark.HTTPError](err); ok {
		return true, false
	}
	e, ok := errors.AsType[*geelark.TransportError](err)
	return ok && (e.Reason == geelark.ReasonMalformed || e.Reason == geelark.ReasonTooLarge), false
}
