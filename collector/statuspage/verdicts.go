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
// those that were asked for.
func (s *status) judge() {
	verdicts := make(map[string]verdict)
	for _, a := range s.Accounts {
		verdicts[a.Name] = a.Verdict()
	}
	slices.SortStableFunc(s.Accounts, func(a, b account) int {
		return verdicts[a.Name].rank() - verdicts[b.Name].rank()
	})
	var kept []account
	for _, a := range s.Accounts {
		v := verdicts[a.Name]
		if i := slices.IndexFunc(s.Verdicts, func(c choice) bool { return c.Slug == v.slug() }); i >= 0 {
			s.Verdicts[i].Accounts++
		} else {
			s.Verdicts = append(s.Verdicts, choice{v.Word, v.slug(), v.Class, 1})
		}
		if v.Troubled() {
			s.Troubled++
		}
		if s.Show == "" || s.Show == v.slug() {
			kept = append(kept, a)
		}
	}
	s.Judged = len(s.Accounts)
	s.Accounts = kept
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

// Detailed are the accounts of which the page tells everything: all, or of many
// those that need attention.
func (s *status) Detailed() []account {
	if len(s.Accounts) <= maxCards {
		return s.Accounts
	}
	var list []account
	for _, a := range s.Accounts {
		if a.Verdict().Troubled() && len(list) < maxCards {
			list = append(list, a)
		}
	}
	return list
}

// Rest is how many of the accounts Detailed leaves out.
func (s *status) Rest() int { return len(s.Accounts) - len(s.Detailed()) }

// IsDetailed reports whether the page tells everything of an account.
func (s *status) IsDetailed(name string) bool {
	return slices.ContainsFunc(s.Detailed(), func(a account) bool { return a.Name == name })
}
