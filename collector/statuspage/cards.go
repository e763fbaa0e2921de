package statuspage

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

// A card is one cause of errors, however many collectors it hits.
type card struct {
	watch.AccountError // the latest
	account            account
	Endpoints          []geelark.Endpoint
	checked            bool // by a command that asks once
}

// Cards are the causes of the account's last errors: those that last come first.
func (a account) Cards() []card {
	type cause struct {
		outcome string
		isCode  bool
		detail  string
		ongoing bool
	}
	at := make(map[cause]int)
	var cards []card
	for _, e := range a.Errors {
		c := cause{e.Outcome, e.IsCode, "", e.Ongoing}
		if !e.IsCode {
			c.detail = e.Message
		}
		i, known := at[c]
		if !known {
			i = len(cards)
			at[c] = i
			cards = append(cards, card{AccountError: e, account: a})
		} else {
			cards[i].merge(e)
		}
		if e.Endpoint != "" && !slices.Contains(cards[i].Endpoints, e.Endpoint) {
			cards[i].Endpoints = append(cards[i].Endpoints, e.Endpoint)
		}
	}
	slices.SortStableFunc(cards, func(c, d card) int {
		switch {
		case c.Ongoing == d.Ongoing:
			return 0
		case c.Ongoing:
			return -1
		}
		return 1
	})
	return cards
}

// merge takes in an error that is older than the card's.
func (c *card) merge(e watch.AccountError) {
	if e.First.Before(c.First) {
		c.First = e.First
	}
	if e.Ended.After(c.Ended) {
		c.Ended = e.Ended
	}
	c.Times += e.Times
}

// Title is the cause in a few words.
func (c card) Title() string { return sentence(briefly(c.AccountError)) }

// State tells whether it lasts, and how often it has happened.
func (c card) State() string {
	if c.Ongoing {
		return "ongoing"
	}
	return "over"
}

// Lasting is when it was, and how often.
func (c card) Lasting() string {
	first, last := c.account.Time(c.First), c.account.Time(c.Last)
	s := fmt.Sprintf("Once, %s.", last.Age)
	if c.Times > 1 {
		s = fmt.Sprintf("%s times, first %s, last %s.", count(c.Times), first.Age, last.Age)
	}
	if !c.Ongoing {
		s += fmt.Sprintf(" It ended %s.", c.account.Time(c.Ended).Age)
	}
	return s
}

// Advice is what it means and what to do. Of what is over there is nothing to do.
func (c card) Advice() []string {
	if !c.Ongoing {
		return nil
	}
	a := c.account
	var list []string
	add := func(format string, args ...any) {
		list = append(list, a.status.settings.name(fmt.Sprintf(format, args...)))
	}
	switch code := c.code(); {
	case code == geelark.CodeSignature && signs(&a.Config) && a.clockOff() != "":
		add("This machine's clock is %s, and the requests are signed with its time: set the clock. If they are refused then too, check %s.",
			a.clockOff(), a.status.settings.credentials(&a.Config))
	case code == geelark.CodeSignature:
		add("Check %s: it may be mistyped, revoked or another account's.", a.status.settings.credentials(&a.Config))
		if signs(&a.Config) && a.Skew.Known() {
			add("It is not the clock: this machine's %s.", a.Clock())
		}
	case c.IsCode && advice[code] != "":
		add("%s", advice[code])
	case !c.IsCode:
		add("%s", meaningOf(c.AccountError))
	}
	if (c.code() == geelark.CodeSignature || c.Outcome == watch.OutcomeCredentials) && isFile(&a.Config) && !c.checked {
		add("A file that was corrected is used from the first scrape on for which {cache_ttl} has passed since the last attempt.")
	}
	if c.isLimit() {
		add("%s", c.others())
	}
	if c.Outcome == watch.OutcomeNotSent || c.Outcome == watch.OutcomeCredentials || c.Outcome == watch.OutcomeIDsFile {
		add("Nothing was sent, so there is no trace id.")
	}
	return list
}

func (c card) code() geelark.Code {
	n, err := strconv.Atoi(c.Outcome)
	if err != nil || !c.IsCode {
		return geelark.CodeOK
	}
	return geelark.Code(n)
}

// isLimit reports whether the API said that a limit is broken.
func (c card) isLimit() bool {
	code := c.code()
	return code == geelark.CodeRateLimited || code == geelark.CodeHourLimit
}

// others is what follows from a broken limit: this exporter has kept to its own,
// which is lower.
func (c card) others() string {
	vendor := geelark.VendorLimits()
	for _, b := range c.account.Budgets {
		if !slices.Contains(c.Endpoints, b.Endpoint) {
			continue
		}
		return fmt.Sprintf("Other programs, or another exporter, spend from it: this one has sent %s within the last hour and keeps below GeeLark's limits of %s a minute and %s an hour.",
			plural(b.Limits.PerHour-b.HourRemaining, "request"), count(vendor.PerMinute), count(vendor.PerHour))
	}
	return "Other programs, or another exporter, spend from it: this one keeps below GeeLark's limits."
}

// Where lists the APIs that it hits, of what was sent to them.
func (c card) Where() string {
	if c.Outcome == watch.OutcomeCredentials {
		return ""
	}
	var names []string
	for _, e := range slices.Sorted(slices.Values(c.Endpoints)) {
		names = append(names, string(e))
	}
	return strings.Join(names, ", ")
}

// ongoing returns the latest error of a collector that lasts: of an endpoint, or of
// any when that is "".
func (a account) ongoing(collector string, e geelark.Endpoint) (watch.AccountError, bool) {
	for _, err := range a.Errors {
		if err.Ongoing && err.Collector == collector && (e == "" || err.Endpoint == e) {
			return err, true
		}
	}
	return watch.AccountError{}, false
}

// worst returns the latest error that lasts of what decides whether the account is
// up, or else of anything.
func (a account) worst() (watch.AccountError, bool) {
	for _, c := range []string{watch.CollectorStatus, watch.CollectorInventory} {
		if e, ok := a.ongoing(c, ""); ok {
			return e, true
		}
	}
	for _, e := range a.Errors {
		if e.Ongoing {
			return e, true
		}
	}
	return watch.AccountError{}, false
}

// unread tells since when something could not be read any more.
func (a account) unread(e geelark.Endpoint, last time.Time) string {
	err, failing := a.ongoing(watch.CollectorBilling, e)
	if !failing {
		return ""
	}
	if last.IsZero() {
		return "not read so far: " + brief(err)
	}
	return fmt.Sprintf("could not be read since %s: %s", a.Time(err.First).UTC, brief(err))
}
