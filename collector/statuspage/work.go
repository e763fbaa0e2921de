package statuspage

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"geelark_exporter/collector/ledger"
	"geelark_exporter/collector/tasks"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

const (
	// maxSpenders is the most groups of which the page tells what they used.
	maxSpenders = 5
	// maxFailures is the most failed tasks that are shown.
	maxFailures = 10
)

// Used tells what the account used and paid for today, in few words; "" when that
// is not counted.
func (a account) Used() string {
	if a.Usage == nil {
		return ""
	}
	if a.Usage.TodayFrom.IsZero() {
		return "Bills were not read yet."
	}
	var total ledger.Sum
	for _, sum := range a.Usage.Today {
		total = total.Plus(sum)
	}
	since := a.Time(a.Usage.TodayFrom).Clock
	if total == (ledger.Sum{}) {
		return fmt.Sprintf("Nothing was counted since %s.", since)
	}
	groups := slices.SortedFunc(maps.Keys(a.Usage.Today), func(g, h string) int {
		s, t := a.Usage.Today[g], a.Usage.Today[h]
		return cmp.Or(cmp.Compare(t.Amount, s.Amount), cmp.Compare(t.Used, s.Used), cmp.Compare(g, h))
	})
	var parts []string
	for _, g := range groups[:min(len(groups), maxSpenders)] {
		name := "phones of no group"
		if g != "" {
			name = strconv.Quote(g)
		}
		parts = append(parts, name+" "+sumOf(a.Usage.Today[g]))
	}
	s := fmt.Sprintf("Counted since %s: %s in all, of which %s", since, sumOf(total), strings.Join(parts, ", "))
	if more := len(groups) - maxSpenders; more > 0 {
		s += " and the rest by " + plural(more, "more group")
	}
	return s + "."
}

// UsageUnread tells how far behind the reading of bills is, when that is more than
// it always is.
func (a account) UsageUnread() string {
	if err, failing := a.ongoing(watch.CollectorUsage, ""); failing {
		return fmt.Sprintf("Bills could not be read since %s: %s.", a.Time(err.First).UTC, brief(err))
	}
	return ""
}

func sumOf(s ledger.Sum) string { return fmt.Sprintf("%.2f (%s)", s.Amount.Float(), span(s.Used)) }

// OpenTasks tells how many tasks there are that have not ended.
func (a account) OpenTasks() string {
	byStatus, all, overdue := make(map[string]int), 0, 0
	for e, n := range a.Tasks.Open {
		byStatus[e.Status.String()] += n
		all += n
	}
	for _, n := range a.Tasks.Overdue {
		overdue += n
	}
	if all == 0 {
		return "No task is open."
	}
	var parts []string
	for _, s := range slices.Sorted(maps.Keys(byStatus)) {
		parts = append(parts, count(byStatus[s])+" "+word(s))
	}
	s := fmt.Sprintf("%s open: %s", plural(all, "task"), strings.Join(parts, ", "))
	if overdue > 0 {
		s += fmt.Sprintf("; %s for more than ten minutes behind the time for which it was meant", agree(overdue, "waits", "wait"))
	}
	return s + "."
}

// agree is a number with what one or many do.
func agree(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// A failedTask is one that the page shows.
type failedTask struct {
	tasks.Failure
	account account
}

// FailedTasks are the last that failed.
func (a account) FailedTasks() []failedTask {
	var list []failedTask
	for _, f := range a.Tasks.Failures[:min(len(a.Tasks.Failures), maxFailures)] {
		list = append(list, failedTask{f, a})
	}
	return list
}

// Name is what people call the phone.
func (f failedTask) Name() string { return cmp.Or(f.account.Named[f.PhoneID], f.PhoneID) }

// At is when the failure was learned of.
func (f failedTask) At() moment { return f.account.Time(f.Seen) }

// Kind is what the task was to do.
func (f failedTask) Kind() string { return strings.ReplaceAll(f.Type.String(), "_", " ") }

// Meaning is what the code means.
func (f failedTask) Meaning() string {
	if f.FailCode == 0 {
		return "GeeLark told no code."
	}
	return sentence(cmp.Or(f.FailCode.TaskMeaning(), "undocumented code")) + "."
}

// Advice is what to do about the code.
func (f failedTask) Advice() string { return taskAdvice(f.FailCode) }

// taskAdvice is what to do about a task that failed with a code. The runbook says
// the same.
func taskAdvice(c geelark.Code) string {
	switch c {
	case 20100, 20108:
		return "Look whether the phone's proxy works."
	case 20109, 20110, 29996:
		return "Replace the phone's proxy or renew it."
	case 20116:
		return "Log in on the phone."
	case 20129:
		return "Start the phone and the task anew."
	case 20136:
		return "Look at the account on the phone."
	case 29997:
		return "Top up."
	case 29998:
		return "Take the phone out of the plan."
	case geelark.CodeStartCap:
		return "Wait for the next day, or enlarge the plan."
	}
	switch c / 100 {
	case 200:
		return "Look at what the plan asks for."
	case 201:
		return "Look at the phone."
	case 202:
		return "Look at what is to be published."
	case 203:
		return "Look at the account that is to be registered."
	case 204, 205, 206, 207, 208, 209, 210:
		return "Look at the app on the phone: it may have changed or ask something."
	}
	return "Start the task anew; if it fails again, ask GeeLark's support."
}
