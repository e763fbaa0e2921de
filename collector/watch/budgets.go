package watch

import (
	"sync"
	"time"

	"geelark_exporter/geelark"
)

// budgetStore has the budgets of all credentials that accounts use, and of those
// that went for as long as anything of them would be missed. Accounts with the
// same credentials share them, with the lowest of their limits.
type budgetStore struct {
	now   func() time.Time
	log   *budgetLog
	began time.Time
	doubt bool // what was spent before this process is only known from the log

	mu    sync.Mutex
	known map[budgetKey]*geelark.Budgets
	used  []*accountBudgets // of the accounts that are watched
}

type budgetKey struct {
	credentials geelark.Digest
	baseURL     string
}

func newBudgetStore(o *Options) *budgetStore {
	return &budgetStore{now: o.Now, log: newBudgetLog(o.State, o.Now), began: o.Now(), doubt: o.Doubt, known: make(map[budgetKey]*geelark.Budgets)}
}

// make returns budgets of credentials that were not used by this process yet. They may
// take the place of others, whose spending counts for them.
func (s *budgetStore) make(key, old budgetKey, l geelark.Limits) *geelark.Budgets {
	b := geelark.NewBudgets(l, s.now)
	b.Remember(s.log.past(key.id()))
	if s.doubt {
		b.Doubt(s.log.knownSince(key.id(), old.id(), s.began))
	}
	if s.log.log != nil {
		b.SetJournal(budgetJournal{s.log, key.id()})
	}
	return b
}

// use makes the store keep the budgets of these accounts.
func (s *budgetStore) use(accounts []*Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = nil
	for _, a := range accounts {
		s.used = append(s.used, a.budgets)
	}
	s.settle()
}

// settle bounds all budgets by the accounts that use them and forgets the others
// when they can be.
func (s *budgetStore) settle() {
	limits := make(map[budgetKey]geelark.Limits)
	for _, a := range s.used {
		l, shared := limits[a.key]
		if !shared {
			l = a.limits
		}
		limits[a.key] = geelark.Limits{PerMinute: min(l.PerMinute, a.limits.PerMinute), PerHour: min(l.PerHour, a.limits.PerHour), Share: max(l.Share, a.limits.Share)}
	}
	for key, b := range s.known {
		if l, ok := limits[key]; ok {
			b.SetLimits(l)
		} else if b.Idle() {
			delete(s.known, key)
		}
	}
}

// accountBudgets has an account's view of the store: the budgets of its
// credentials, whichever these are.
type accountBudgets struct {
	store   *budgetStore
	baseURL string
	limits  geelark.Limits

	// Guarded by the store's lock.
	key  budgetKey
	last *geelark.Budgets
	// contention is how often each limit was met that others spend from, apart from
	// what the last budgets say above met.
	contention, met map[geelark.Endpoint]int
}

// contended returns how often the API said, since the account is watched, that a limit
// is broken that was kept to.
func (a *accountBudgets) contended(e geelark.Endpoint) int {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	return a.contendedNow(e)
}

func (a *accountBudgets) contendedNow(e geelark.Endpoint) int {
	n := a.contention[e]
	if a.last != nil {
		n += a.last.Of(e).Contended - a.met[e]
	}
	return n
}

// goOn makes others the account's budgets.
func (a *accountBudgets) goOn(b *geelark.Budgets) {
	contention, met := make(map[geelark.Endpoint]int), make(map[geelark.Endpoint]int)
	for _, e := range geelark.Endpoints() {
		contention[e], met[e] = a.contendedNow(e), b.Of(e).Contended
	}
	a.contention, a.met, a.last = contention, met, b
}

// of returns the budgets of an account, which go on from those of the account
// whose place it takes.
func (s *budgetStore) of(cfg *AccountConfig, old *Account) *accountBudgets {
	a := &accountBudgets{store: s, baseURL: cfg.BaseURL, limits: cfg.Limits}
	if u, err := geelark.ParseBaseURL(cfg.BaseURL); err == nil {
		a.baseURL = u.String() // in the one form that it has
	}
	if old != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		a.key, a.last, a.contention, a.met = old.budgets.key, old.budgets.last, old.budgets.contention, old.budgets.met
	}
	return a
}

// BudgetsOf implements [geelark.BudgetSource]. Credentials that take the place of
// others may be those of the same vendor's account: what the others have spent
// counts for them too, but not their pauses.
func (a *accountBudgets) BudgetsOf(c geelark.Credentials) *geelark.Budgets {
	s := a.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if c == (geelark.Credentials{}) { // not read yet
		if a.last == nil {
			a.goOn(geelark.NewBudgets(a.limits, s.now))
		}
		return a.last
	}
	key := budgetKey{c.Digest(), a.baseURL}
	if key == a.key {
		return a.last
	}
	b := s.known[key]
	if b == nil {
		b = s.make(key, a.key, a.limits)
		if a.last != nil {
			b.CopySpent(a.last)
			s.log.copied(key.id(), a.last.Past())
		}
		s.known[key] = b
	}
	a.key = key
	a.goOn(b)
	s.settle()
	return b
}

// firstWait is how long a scrape waits for the first request to an API: as long as a
// process may have to wait that does not know what was spent before, behind one
// request that waits already.
const firstWait = 3 * time.Second

// isWorthWaiting reports whether a scrape can wait for a request: it is under way,
// can be sent at once, or is the first and can be sent soon. What has to wait for the
// budget otherwise serves a later scrape.
func isWorthWaiting(b geelark.Budget, now time.Time) bool {
	return b.InFlight > 0 || !b.Next.After(now) || b.Untouched && b.Next.Sub(now) <= firstWait
}
