package statuspage

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"

	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/watch"
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
	Show     string    // the slug of the verdict to which the accounts were narrowed; "": all
	Verdicts []choice  // to narrow the accounts to
	Names    []string  // of all accounts
	Groups   []string  // to choose from
	States   []string  // to choose from
	Query    watch.PhoneQuery
	Search   bool // phones are searched for, and not all of the accounts shown
	Phones   []phone
	Total    int       // of the phones that were found
	Detailed []account // those of which the page tells everything
	Judged   int       // accounts before they were narrowed
	Troubled int       // of them
	settings settings
}

func newStatus(w *watch.Watcher, names settings, form url.Values) *status {
	field := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	s := &status{
		Overview: w.Overview(),
		States:   watch.States(),
		Show:     field("show"),
		settings: names,
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
	s.judge()
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

// account returns an account's overview, an empty one when it has just gone.
func (s *status) account(name string) account {
	for _, a := range s.Overview.Accounts {
		if a.Name == name {
			return account{AccountOverview: a, status: s}
		}
	}
	return account{status: s}
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

// A phone is one of those that were found.
type phone struct {
	watch.PhoneOverview
	status *status
}

// Time is a time as seen from the page's own.
func (p phone) Time(t time.Time) moment { return p.status.Time(t) }

// Title is what people call the phone.
func (p phone) Title() string { return cmp.Or(p.SerialName, p.ID) }

// Seen reports whether a status was ever told, which may be outdated.
func (p phone) Seen() bool { return !p.ObservedAt.IsZero() && p.Failure == (phones.Failure{}) }
