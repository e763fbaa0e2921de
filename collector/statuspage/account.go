package statuspage

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

// An account is one of the page.
type account struct {
	watch.AccountOverview
	status   *status
	Verdict  verdict
	Detailed bool // the page tells everything of it
}

// Time is a time as seen from the page's own.
func (a account) Time(t time.Time) moment { return a.status.Time(t) }

// judge sums up how the account is.
func (a account) judge() verdict {
	err, failing := a.worst()
	off := a.clockOff()
	because := brief(err)
	if failing && off != "" && err.IsCode && err.Outcome == strconv.Itoa(int(geelark.CodeSignature)) && signs(&a.Config) {
		because = "this machine's clock is " + off + ", " + because
	}
	switch {
	case a.paused() != nil:
		b := a.paused()
		why := fmt.Sprintf("%s until %s", b.Endpoint, a.Time(b.PausedUntil).Clock)
		if failing {
			why += ", " + because
		}
		return verdict{"Paused", bad, why}
	case !a.Up && a.LastSuccess.IsZero() && !failing:
		return verdict{"Not polled yet", idle, "no scrape has asked so far"}
	case !a.Up:
		return verdict{"Failing", bad, because}
	case a.unscraped():
		return verdict{"Not scraped", warn, "the last scrape was " + a.Time(a.LastScrape).Age}
	case a.Vain != nil:
		return verdict{"No phones", warn, fmt.Sprintf("%s listed, none selected", count(a.Vain.Phones))}
	case failing:
		return verdict{"Partly failing", warn, because}
	case a.Unmatched != nil && len(a.Unmatched.Groups) > 0:
		return verdict{"Group not found", warn, "no phone of the selection " + wanting(a.Unmatched)}
	case a.Unmatched != nil:
		return verdict{"Tag not found", warn, "no phone of the selection " + wanting(a.Unmatched)}
	case a.Waiting > 0:
		return verdict{"Short of budget", warn, plural(a.Waiting, "phone") + " wait, about " + roughly(a.Backlog)}
	case !a.ListingUntil.IsZero():
		return verdict{"Short of budget", warn, "the list of phones waits"}
	case off != "":
		return verdict{"Wrong clock", warn, "this machine's clock is " + off}
	case a.Phones == 0 && a.Config.IDsFile != "":
		return verdict{"No phones", warn, a.none()}
	case a.Phones == 0:
		return verdict{"No phones", idle, a.none()}
	}
	return verdict{"Working", good, ""}
}

// none says why there are no phones, other than for a selection in vain.
func (a account) none() string {
	if file := a.Config.IDsFile; file != "" {
		return file + " names none"
	}
	return "GeeLark lists none"
}

// paused returns the budget of the longest pause, nil when there is none.
func (a account) paused() (longest *geelark.Budget) {
	for i, b := range a.Budgets {
		if !b.PausedUntil.IsZero() && (longest == nil || b.PausedUntil.After(longest.PausedUntil)) {
			longest = &a.Budgets[i]
		}
	}
	return longest
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
			"All of them take about %s. If that lasts, raise {requests_per_minute} and {requests_per_hour} if the account can spare it, or {cache_ttl}.",
			count(a.Waiting), are, a.Time(a.WaitingUntil).Age, roughly(a.Backlog)))
	}
	if !a.ListingUntil.IsZero() {
		list = append(list, fmt.Sprintf("The list of the account's phones is being read and waits for the request budget, which has room again %s at the earliest.",
			a.Time(a.ListingUntil).Age))
	}
	if why := a.unobserved(); why != "" {
		list = append(list, why)
	}
	if v := a.Vain; v != nil {
		list = append(list, vainly(v))
	}
	if a.Unmatched != nil {
		list = append(list, unmatched(a.Unmatched))
	}
	if a.Phones == 0 && a.Vain == nil && (a.Config.IDsFile != "" || a.Listed.Known()) {
		list = append(list, "No phone is watched: "+a.none()+".")
	}
	if off := a.clockOff(); off != "" {
		list = append(list, fmt.Sprintf("This machine's clock is %s, by GeeLark's: set it. Ages on this page and signatures of requests go by it.", off))
	}
	switch {
	case a.LastScrape.IsZero() && a.LastSuccess.IsZero():
		list = append(list, "Phones are polled when the metrics are scraped, which has not happened yet.")
	case a.unscraped():
		list = append(list, fmt.Sprintf("Phones are polled when the metrics are scraped, which last happened %s.", a.Time(a.LastScrape).Age))
	}
	for i := range list {
		list[i] = a.status.settings.name(list[i])
	}
	return list
}

// unobserved says why phones have no status, unless that is for want of a scrape,
// which is said anyway.
func (a account) unobserved() string {
	n := 0
	var parts []string
	for _, r := range watch.Reasons() {
		if phones := a.Unobserved[r]; phones > 0 && r != watch.NotScraped {
			n += phones
			parts = append(parts, count(phones)+" "+word(string(r)))
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return "1 phone has no status that can be trusted now: " + strings.Join(parts, ", ") + "."
	}
	return fmt.Sprintf("%s have no status that can be trusted now: %s.", plural(n, "phone"), strings.Join(parts, ", "))
}

// Contention says of which limits others spend.
func (a account) Contention() string {
	var parts []string
	for _, b := range a.Budgets {
		if b.Contended > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", b.Endpoint, agree(b.Contended, "time", "times")))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "GeeLark said that a limit is broken that was kept to here (" + strings.Join(parts, ", ") +
		"): other programs, or another exporter, spend from it. For an hour after that, fewer requests are sent."
}

// vainly says what a selection asks for that finds nothing, and what there is.
func vainly(v *watch.Vain) string {
	var asked, seen []string
	for _, c := range []struct {
		with, what  string
		names, near []string
	}{{"in", "group", v.Of.Groups, v.Groups}, {"with", "tag", v.Of.Tags, v.Tags}} {
		if len(c.names) == 0 {
			continue
		}
		if len(c.names) == 1 {
			asked = append(asked, c.with+" the "+c.what+" "+list(c.names))
		} else {
			asked = append(asked, c.with+" one of the "+c.what+"s "+list(c.names))
		}
		if len(c.near) > 0 {
			seen = append(seen, c.what+"s seen: "+list(c.near))
		}
	}
	if v.Of.ChargeMode != nil {
		asked = append(asked, "paid "+word(v.Of.ChargeMode.String()))
	}
	s := fmt.Sprintf("%s listed, none of them %s.", plural(v.Phones, "phone"), strings.Join(asked, " and "))
	if len(seen) > 0 {
		s += " " + sentence(strings.Join(seen, "; ")) + "."
	}
	return s + " Correct {phones.discover}."
}

// wanting says which names no phone has.
func wanting(u *watch.Unmatched) string {
	var parts []string
	if n := len(u.Groups); n > 0 {
		parts = append(parts, "is in the "+oneOr(n, "group")+" "+either(u.Groups))
	}
	if n := len(u.Tags); n > 0 {
		parts = append(parts, "has the "+oneOr(n, "tag")+" "+either(u.Tags))
	}
	return strings.Join(parts, ", and none ")
}

func oneOr(n int, thing string) string {
	if n == 1 {
		return thing
	}
	return thing + "s"
}

// either is names of which each is meant.
func either(names []string) string {
	if n := len(names); n > 1 {
		return list(names[:n-1]) + " or " + list(names[n-1:])
	}
	return list(names)
}

// unmatched says which names of a selection match nothing, and what there is.
func unmatched(u *watch.Unmatched) string {
	s := "No phone of the selection " + wanting(u) + "."
	var seen []string
	if len(u.NearGroups) > 0 {
		seen = append(seen, "groups seen: "+list(u.NearGroups))
	}
	if len(u.NearTags) > 0 {
		seen = append(seen, "tags seen: "+list(u.NearTags))
	}
	if len(seen) > 0 {
		s += " " + sentence(strings.Join(seen, "; ")) + "."
	}
	return s + " Correct {phones.discover}, unless that is meant."
}

// maxSharers is the most accounts that are named of those that share limits.
const maxSharers = 5

// Sharing says with which accounts the limits are shared; "" when they are not.
func (a account) Sharing() string {
	n := len(a.SharedWith)
	if n == 0 {
		return ""
	}
	who := list(a.SharedWith[:min(n, maxSharers)])
	if more := n - maxSharers; more > 0 {
		who += " and " + plural(more, "more account")
	}
	return fmt.Sprintf("The account has the same credentials as %s: they share these limits, and what is spent of them.", who)
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

// Oldest is the age of the oldest status, "none" without one.
func (a account) Oldest() string {
	if a.trusted() == 0 {
		return "none"
	}
	return span(a.OldestAge)
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

// Spending says what the settings cost of the limits, together with those of the
// accounts that share them.
func (a account) Spending() string {
	var most watch.Cost
	for _, c := range a.Together {
		if c.Calls > most.Calls {
			most = c
		}
	}
	vendor := geelark.VendorLimits().PerMinute
	calls := int(math.Ceil(most.Calls))
	who := "These settings"
	switch n := len(a.SharedWith) + 1; {
	case n == 2:
		who = "The settings of both accounts together"
	case n > 2:
		who = fmt.Sprintf("The settings of all %s accounts together", count(n))
	}
	switch {
	case a.Phones == 0 && !a.Listed.Known():
		return ""
	case calls > most.Limit:
		return a.status.settings.name(fmt.Sprintf(who+" would take %s a minute to %s, which is held to %s of the %d that GeeLark allows: statuses get older than {cache_ttl} instead. The rest is free for your team.",
			plural(calls, "call"), most.Endpoint, count(most.Limit), vendor))
	}
	return fmt.Sprintf(who+" take at most %s a minute to %s, of the %d that GeeLark allows, and no more to any other API. The rest is free for your team.",
		plural(calls, "call"), most.Endpoint, vendor)
}

// A window is what was spent of an endpoint's budget.
type window struct {
	Used, Limit int
	Usual       bool // that all of it is spent
}

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
			Minute:   window{b.Limits.PerMinute - b.MinuteRemaining, b.Limits.PerMinute, b.Endpoint == geelark.EndpointPlanInfo},
			Hour:     window{b.Limits.PerHour - b.HourRemaining, b.Limits.PerHour, false},
			Paused:   a.Time(b.PausedUntil),
		})
	}
	return list
}
