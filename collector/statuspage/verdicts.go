package statuspage

import (
	"fmt"
	"slices"
	"strings"
)

// Classes of the style sheet, the worst first.
const (
	bad  = "bad"
	warn = "warn"
	idle = "idle"
	good = "good"
)

// A verdict is how an account is.
type verdict struct{ Word, Class, Why string }

// rank is the place of what needs somebody's attention first.
func (v verdict) rank() int { return slices.Index([]string{bad, warn, idle, good}, v.Class) }

// Troubled reports whether somebody should look.
func (v verdict) Troubled() bool { return v.Class == bad || v.Class == warn }

func (v verdict) slug() string { return strings.ReplaceAll(strings.ToLower(v.Word), " ", "-") }

// A choice is a verdict to which the accounts can be narrowed.
type choice struct {
	Word, Slug, Class string
	Accounts          int
}

// maxCards is the most accounts of which a page tells everything.
const maxCards = 10

// judge puts the accounts in the order of their verdicts, counts these, and leaves
// those that were asked for. Of many it chooses those of which the page tells
// everything.
func (s *status) judge() {
	for i := range s.Accounts {
		s.Accounts[i].Verdict = s.Accounts[i].judge()
	}
	slices.SortStableFunc(s.Accounts, func(a, b account) int { return a.Verdict.rank() - b.Verdict.rank() })
	s.Judged = len(s.Accounts)
	var kept []account
	for _, a := range s.Accounts {
		if i := slices.IndexFunc(s.Verdicts, func(c choice) bool { return c.Slug == a.Verdict.slug() }); i >= 0 {
			s.Verdicts[i].Accounts++
		} else {
			s.Verdicts = append(s.Verdicts, choice{a.Verdict.Word, a.Verdict.slug(), a.Verdict.Class, 1})
		}
		if a.Verdict.Troubled() {
			s.Troubled++
		}
		if s.Show == "" || s.Show == a.Verdict.slug() {
			kept = append(kept, a)
		}
	}
	s.Accounts = kept
	for i, a := range kept {
		if len(kept) <= maxCards || a.Verdict.Troubled() && len(s.Detailed) < maxCards {
			kept[i].Detailed = true
			s.Detailed = append(s.Detailed, kept[i])
		}
	}
}

// Attention says how many accounts somebody should look at.
func (s *status) Attention() string {
	switch s.Troubled {
	case 0:
		return fmt.Sprintf("None of %s needs attention.", plural(s.Judged, "account"))
	case 1:
		return fmt.Sprintf("1 of %s needs attention.", plural(s.Judged, "account"))
	}
	return fmt.Sprintf("%s of %s need attention.", count(s.Troubled), plural(s.Judged, "account"))
}

// Rest is how many of the accounts are not among those of which the page tells
// everything.
func (s *status) Rest() int { return len(s.Accounts) - len(s.Detailed) }
