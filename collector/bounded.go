package collector

import (
	"slices"
	"strconv"
	"sync"

	"geelark_exporter/collector/phones"
	"geelark_exporter/geelark"
)

// maxUndocumented bounds the values of a label, of an account, that servers choose
// beside those that are documented.
const maxUndocumented = 30

// otherValue stands for all values beyond that.
const otherValue = "other"

// bounded are the values of a label that are exposed by themselves: those that are
// known, and of each account the first others. A value that once was stays, so
// that no counter goes back. They are safe for concurrent use.
type bounded struct {
	known func(value string) bool

	mu     sync.Mutex
	others map[string][]string // by account
}

func newBounded(known func(value string) bool) *bounded {
	return &bounded{known: known, others: make(map[string][]string)}
}

// admit returns what is exposed instead of a value, which counts among the first
// others if there is room.
func (b *bounded) admit(account, value string) string {
	if b.known(value) {
		return value
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	others := b.others[account]
	switch {
	case slices.Contains(others, value):
	case len(others) < maxUndocumented:
		b.others[account] = append(others, value)
	default:
		return otherValue
	}
	return value
}

// forget ends an account's values.
func (b *bounded) forget(account string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.others, account)
}

// isDocumented reports whether a value is a documented code.
func isDocumented(value string) bool {
	n, err := strconv.Atoi(value)
	return err == nil && geelark.Code(n).Documented()
}

// isHTTPStatus reports whether an outcome is an HTTP status, of which there are as
// many as servers like, or a code that looks like one.
func isHTTPStatus(outcome string) bool {
	n, err := strconv.Atoi(outcome)
	return err == nil && n >= 100 && n <= 999
}

// isOutcome reports whether an outcome is a documented code, a reason, or the HTTP
// status of a usual trouble.
func isOutcome(outcome string) bool {
	return isDocumented(outcome) ||
		slices.Contains(expectedReasons, geelark.Reason(outcome)) || slices.Contains(rareReasons, geelark.Reason(outcome)) ||
		slices.Contains(usualStatuses, outcome)
}

var (
	rareReasons   = []geelark.Reason{geelark.ReasonCanceled, geelark.ReasonTooLarge}
	usualStatuses = []string{"301", "302", "307", "308", "400", "401", "403", "404", "405", "407", "408", "413", "421", "429", "500", "502", "503", "504"}
)

// isLookupFailure reports whether a failure's label is documented.
func isLookupFailure(code string) bool {
	return isDocumented(code) || code == phones.Failure{Kind: phones.Missing}.String() || code == phones.Failure{Kind: phones.Malformed}.String()
}
