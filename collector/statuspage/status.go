package statuspage

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

const (
	// maxRows is the most phones in a table.
	maxRows = 100
	// maxGroups is the most groups of an account that are shown.
	maxGroups = 50
)

// status is what the page of the root shows: the accounts, or the phones that
// were searched for.
type status struct {
	watch.Overview
	Accounts []account // those that were chosen
	Names    []string  // of all accounts
	Groups   []string  // to choose from
	States   []string  // to choose from
	Query    watch.PhoneQuery
	Search   bool // phones are searched for, and not all of the accounts shown
	Phones   []phone
	Total    int // of the phones that were found
}

func newStatus(w *watch.Watcher, form url.Values) *status {
	field := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	s := &status{
		Overview: w.Overview(),
		States:   watch.States(),
		Query: watch.PhoneQuery{
			Account: field("account"), ID: field("id"), Text: field("q"), Group: field("group"), State: field("status"), Limit: maxRows,
		},
	}
	groups := make(map[string]int)
	for _, a := range s.Overview.Accounts {
		s.Names = append(s.Names, a.Name)
		for g, n := range a.Groups {
			groups[g] += n
		}
		if s.Query.Account == "" || s.Query.Account == a.Name {
			s.Accounts = append(s.Accounts, account{AccountOverview: a, status: s})
		}
	}
	for _, g := range largest(groups) {
		s.Groups = append(s.Groups, g.Name)
	}
	// A form that is sent empty asks for all phones.
	s.Search = form.Has("q") || s.Query.ID != "" || s.Query.Group != "" || s.Query.State != ""
	if s.Search {
		found, total := w.Phones(s.Query)
		for _, p := range found {
			s.Phones = append(s.Phones, phone{PhoneOverview: p, status: s})
		}
		s.Total = total
	}
	return s
}

// Time is a time as seen from the page's own.
func (s *status) Time(t time.Time) moment { return momentAt(t, s.At) }

// Shards tells which accounts these are when there are others elsewhere.
func (s *status) Shards() string {
	if s.Shard.Total <= 1 {
		return ""
	}
	return fmt.Sprintf("Shard %d of %d watches %d of %d accounts.", s.Shard.Index, s.Shard.Total, len(s.Overview.Accounts), s.Configured)
}

// Counts tells how many phones were found.
func (s *status) Counts() string {
	switch {
	case s.Total == 0:
		return "No phone matches."
	case s.Total == 1:
		return "One phone matches."
	case s.Total > len(s.Phones):
		return fmt.Sprintf("%s phones match, the first %d are shown.", count(s.Total), len(s.Phones))
	}
	return count(s.Total) + " phones match."
}

// An account is one of the page.
type account struct {
	watch.AccountOverview
	status *status
}

// Time is a time as seen from the page's own.
func (a account) Time(t time.Time) moment { return a.status.Time(t) }

// A verdict is how an account is, in a word and a class of the style sheet.
type verdict struct{ Word, Class string }

// Verdict sums up how the account is.
func (a account) Verdict() verdict {
	switch {
	case a.paused():
		return verdict{"Paused", "bad"}
	case !a.Up && a.LastSuccess.IsZero() && len(a.Errors) == 0:
		return verdict{"Not polled yet", "idle"}
	case !a.Up:
		return verdict{"Failing", "bad"}
	case a.unscraped():
		return verdict{"Not scraped", "warn"}
	case slices.ContainsFunc(a.Errors, func(e watch.AccountError) bool { return e.Ongoing }):
		return verdict{"Partly failing", "warn"}
	case a.Waiting > 0 || !a.ListingUntil.IsZero():
		return verdict{"Short of budget", "warn"}
	}
	return verdict{"Working", "good"}
}

func (a account) paused() bool {
	return slices.ContainsFunc(a.Budgets, func(b geelark.Budget) bool { return !b.PausedUntil.IsZero() })
}

func (a account) unscraped() bool {
	return !a.LastScrape.IsZero() && a.status.At.Sub(a.LastScrape) > a.MaxStaleness
}

// Notices are sentences about what an operator should know.
func (a account) Notices() []string {
	var list []string
	for _, b := range a.Budgets {
		if !b.PausedUntil.IsZero() {
			m := a.Time(b.PausedUntil)
			list = append(list, fmt.Sprintf("The API asked for a pause: nothing is sent to %s before %s (%s).", b.Endpoint, m.UTC, m.Age))
		}
	}
	if a.Waiting > 0 {
		are := "phones wait"
		if a.Waiting == 1 {
			are = "phone waits"
		}
		list = append(list, fmt.Sprintf("%s %s for the request budget, which has room again %s at the earliest. "+
			"If that lasts, raise requests_per_minute and requests_per_hour if the account can spare it, or cache_ttl.",
			count(a.Waiting), are, a.Time(a.WaitingUntil).Age))
	}
	if !a.ListingUntil.IsZero() {
		list = append(list, fmt.Sprintf("The list of the account's phones is being read and waits for the request budget, which has room again %s at the earliest.",
			a.Time(a.ListingUntil).Age))
	}
	switch {
	case a.LastScrape.IsZero() && a.LastSuccess.IsZero():
		list = append(list, "Phones are polled when the metrics are scraped, which has not happened yet.")
	case a.unscraped():
		list = append(list, fmt.Sprintf("Phones are polled when the metrics are scraped, which last happened %s.", a.Time(a.LastScrape).Age))
	}
	return list
}

// A share is a state's part of the account's phones.
type share struct {
	State  string
	Phones int
	X, W   string // of its bar, in percent
}

// documented are the states that are shown without a phone too.
var documented = watch.States()[:4]

// Shares are the account's phones by state.
func (a account) Shares() []share {
	var shares []share
	before := 0
	for _, state := range watch.States() {
		n := a.States[state]
		if n == 0 && !slices.Contains(documented, state) {
			continue
		}
		s := share{State: state, Phones: n, X: percent(before, a.Phones), W: percent(n, a.Phones)}
		shares = append(shares, s)
		before += n
	}
	return shares
}

func percent(n, of int) string { return fmt.Sprintf("%.3f%%", 100*float64(n)/float64(max(of, 1))) }

// Summary is the account's phones by state as a sentence.
func (a account) Summary() string {
	var parts []string
	for _, s := range a.Shares() {
		if s.Phones > 0 {
			parts = append(parts, count(s.Phones)+" "+word(s.State))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "no phones")
}

// OwnLabels are the account's own labels in their order.
func (a account) OwnLabels() [][2]string {
	var list [][2]string
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		list = append(list, [2]string{name, a.Labels[name]})
	}
	return list
}

// Age tells how old the statuses are.
func (a account) Age() string {
	if len(a.States) == 0 || a.trusted() == 0 {
		return ""
	}
	return fmt.Sprintf("oldest %s, median %s", span(a.OldestAge), span(a.MedianAge))
}

func (a account) trusted() int {
	return a.Phones - a.States[watch.StateFailed] - a.States[watch.StateOutdated] - a.States[watch.StatePending]
}

// A group is one of the account's.
type group struct {
	Name   string
	Phones int
}

// TopGroups are the account's largest groups.
func (a account) TopGroups() []group { return largest(a.Groups) }

// MoreGroups is how many groups TopGroups leaves out.
func (a account) MoreGroups() int { return max(0, len(a.Groups)-maxGroups) }

func largest(groups map[string]int) []group {
	var list []group
	for name, n := range groups {
		list = append(list, group{name, n})
	}
	slices.SortFunc(list, func(g, h group) int {
		return cmp.Or(cmp.Compare(h.Phones, g.Phones), cmp.Compare(g.Name, h.Name))
	})
	return list[:min(len(list), maxGroups)]
}

// A window is what was spent of an endpoint's budget.
type window struct{ Used, Limit int }

// A budget is an endpoint's.
type budget struct {
	Endpoint     geelark.Endpoint
	Minute, Hour window
	Paused       moment
}

// Spent are the budgets of the endpoints that the account's collectors call.
func (a account) Spent() []budget {
	var list []budget
	for _, b := range a.Budgets {
		list = append(list, budget{
			Endpoint: b.Endpoint,
			Minute:   window{b.Limits.PerMinute - b.MinuteRemaining, b.Limits.PerMinute},
			Hour:     window{b.Limits.PerHour - b.HourRemaining, b.Limits.PerHour},
			Paused:   a.Time(b.PausedUntil),
		})
	}
	return list
}

// Failures are the account's last errors.
func (a account) Failures() []failure {
	var list []failure
	for _, e := range a.Errors {
		list = append(list, failure{e, meaningOf(e), a.Time(e.First), a.Time(e.Last)})
	}
	return list
}

// A failure is an error as the page shows it.
type failure struct {
	watch.AccountError
	Meaning   string
	Began, At moment
}

// State tells whether it lasts, and how often it has happened.
func (f failure) State() string {
	s := "over"
	if f.Ongoing {
		s = "ongoing"
	}
	if f.Times > 1 {
		s += fmt.Sprintf(", %s times in a row", count(f.Times))
	}
	return s
}

// A phone is one of those that were found.
type phone struct {
	watch.PhoneOverview
	status *status
}

// Time is a time as seen from the page's own.
func (p phone) Time(t time.Time) moment { return p.status.Time(t) }

// Title is what people call the phone.
func (p phone) Title() string { return cmp.Or(p.SerialName, p.ID) }

// FailureMeaning is what the failed lookup means.
func (p phone) FailureMeaning() string { return meaningOfFailure(p.Failure) }

// Seen reports whether a status was ever told, which may be outdated.
func (p phone) Seen() bool { return !p.ObservedAt.IsZero() && p.Failure == (phones.Failure{}) }
