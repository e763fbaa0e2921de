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
}

// Works reports whether the account can be watched, and has phones to watch if it
// has any.
func (c *Check) Works() bool { return c.Failure == nil && c.Vain == nil }

// maxChecks is the most accounts that are checked at a time.
const maxChecks = 8

// Check asks the API whether each account works, with one request for each
// account, and one more for each filter of a large account that selects some of
// its phones. All of them are within the budgets.
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
	return checks
}

func (a *Account) check(ctx context.Context) Check {
	var c Check
	defer a.client.CloseIdleConnections() // their buffers hold the personal data of phones
	page, err := a.client.PhoneList(ctx, geelark.PhoneListFilter{}, 1, geelark.MaxListPageSize)
	selected := a.store.Len()
	if err == nil && a.discovers() {
		selected, c.AtMost, err = a.countSelected(ctx, page)
	}
	c.AccountOverview = a.overview()
	if err != nil {
		c.Failure = &accountErrors(err)[0]
		c.Failure.Ongoing = true
		c.Reached, c.Authenticated = answered(err)
		return c
	}
	c.Reached, c.Authenticated = true, true
	c.Phones, c.Listed, c.Seen = selected, geelark.Some(page.Total), len(page.Phones)
	c.Costs = a.Costs(selected, page.Total)
	groups, tags := names(page.Phones)
	c.SeenGroups, c.Tags = slices.Sorted(maps.Keys(groups)), slices.Sorted(maps.Keys(tags))
	if d := &a.cfg.Discovery; selected == 0 && page.Total > 0 && a.discovers() {
		c.Vain = &Vain{Phones: page.Total, Of: *d, Groups: nearest(d.Groups, groups), Tags: nearest(d.Tags, tags)}
	}
	return c
}

// countSelected returns how many of the account's phones are selected, of which
// there is the first page without a selection.
func (a *Account) countSelected(ctx context.Context, page *geelark.PhonePage) (n int, atMost bool, err error) {
	d := &a.cfg.Discovery
	switch {
	case d.isAll():
		return page.Total, false, nil
	case page.Total <= len(page.Phones):
		for _, p := range page.Phones {
			if d.selects(p) {
				n++
			}
		}
		return n, false, nil
	}
	for _, f := range d.filters() {
		p, err := a.client.PhoneList(ctx, f, 1, 1)
		if err != nil {
			return 0, false, err
		}
		n += p.Total
	}
	return n, len(d.Tags) > 1, nil // a phone can have several tags, and is in one group
}

// names are the groups and tags of phones.
func names(phones []geelark.Phone) (groups, tags map[string]bool) {
	groups, tags = make(map[string]bool), make(map[string]bool)
	for _, p := range phones {
		if g := p.Group.Or(""); g != "" {
			groups[g] = true
		}
		for _, t := range p.Tags {
			tags[t] = true
		}
	}
	return groups, tags
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
