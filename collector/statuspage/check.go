package statuspage

import (
	"fmt"
	"io"
	"strings"

	"geelark_exporter/collector/watch"
)

// maxNames is the most groups or tags of an account that a report names.
const maxNames = 20

// Report writes what came of checks, and reports whether all accounts work. Setting
// is that of [Options].
func Report(w io.Writer, checks []watch.Check, setting func(field string) string) (ok bool, err error) {
	var others []string
	var b strings.Builder
	for i := range checks {
		c := &checks[i]
		if !c.Works() {
			others = append(others, c.Name)
		}
		report(&b, c, &status{settings: setting, Overview: watch.Overview{Accounts: []watch.AccountOverview{c.AccountOverview}}})
	}
	fmt.Fprintf(&b, "Accounts that work: %s of %s.", count(len(checks)-len(others)), count(len(checks)))
	if len(others) > 0 {
		fmt.Fprintf(&b, " Not %s.", some(others))
	}
	b.WriteByte('\n')
	_, err = io.WriteString(w, b.String())
	return len(others) == 0, err
}

func report(b *strings.Builder, c *watch.Check, s *status) {
	a := account{AccountOverview: c.AccountOverview, status: s}
	line := func(what, format string, args ...any) {
		fmt.Fprintf(b, "  %-14s %s\n", what, fmt.Sprintf(format, args...))
	}
	verdict := "works"
	if !c.Works() {
		verdict = "does not work"
	}
	yes := map[bool]string{true: "yes", false: "no"}
	reached := yes[c.Reached]
	if f := c.Failure; f != nil {
		switch f.Outcome {
		case watch.OutcomeInterrupted:
			verdict, reached = "not known", "not known"
		case watch.OutcomeNotSent, watch.OutcomeCredentials:
			reached = "not asked"
		}
	}
	fmt.Fprintf(b, "%s: %s\n", c.Name, verdict)
	line("reached", "%s, %s", reached, c.Config.BaseURL)
	if c.Reached {
		line("authenticated", "%s, with %s", yes[c.Authenticated], s.settings.credentials(&c.Config))
	}
	if f := c.Failure; f != nil {
		line("failure", "%s", brief(*f))
		if advice := (card{AccountError: *f, account: a, checked: true}).Advice(); len(advice) > 0 {
			line("what to do", "%s", strings.Join(advice, " "))
		}
		for _, detail := range [][2]string{{"message", f.Message}, {"trace id", f.TraceID}, {"app id", f.AppID}} {
			if detail[1] != "" {
				line(detail[0], "%s", detail[1])
			}
		}
	} else {
		selected := plural(c.Phones, "phone")
		if c.AtMost {
			selected = "at most " + selected
		}
		line("phones", "%s listed, %s selected", count(c.Listed.Or(0)), selected)
		if len(c.Unlisted) > 0 {
			line("what to do", "%s", s.settings.name(unlisted(c)))
		}
		if c.Vain != nil {
			line("what to do", "%s", s.settings.name(vainly(c.Vain)))
		}
		if c.Unmatched != nil {
			line("what to do", "%s", s.settings.name(unmatched(c.Unmatched)))
		}
		of := ""
		if c.Seen < c.Listed.Or(0) {
			of = fmt.Sprintf(", of the first %s", plural(c.Seen, "phone"))
		}
		line("groups", "%s%s", some(c.SeenGroups), of)
		line("tags", "%s%s", some(c.Tags), of)
		if sharing := a.Sharing(); sharing != "" {
			line("shared", "%s", sharing)
		}
		line("calls", "%s", a.Spending())
		for i, cost := range c.Costs {
			together := ""
			if len(c.SharedWith) > 0 {
				together = fmt.Sprintf(", %.3g together", c.Together[i].Calls)
			}
			line("", "%.3g a minute to %s%s, never more than %s", cost.Calls, cost.Endpoint, together, count(cost.Limit))
		}
	}
	line("clock", "this machine's: %s", a.Clock())
}

// unlisted says which of the selected ids are not those of phones.
func unlisted(c *watch.Check) string {
	first := ""
	if c.Sought < c.Phones {
		first = "first "
	}
	return fmt.Sprintf("The account has no phone with %s of the %s%s: %s. Correct {phones.ids} or {phones.ids_file}.",
		count(len(c.Unlisted)), first, plural(c.Sought, "id"), some(c.Unlisted))
}

// some are the first of names.
func some(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	s := list(names[:min(len(names), maxNames)])
	if more := len(names) - maxNames; more > 0 {
		s += fmt.Sprintf(" and %s more", count(more))
	}
	return s
}
