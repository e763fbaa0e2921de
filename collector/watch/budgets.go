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
	now func() time.Time

	mu    sync.Mutex
	known map[budgetKey]*geelark.Budgets
	used  []*accountBudgets // of the accounts that are watched
}

type budgetKey struct {
	credentials geelark.Digest
	baseURL     string
}

func newBudgetStore(now func() time.Time) *budgetStore {
	return &budgetStore{now: now, known: make(map[budgetKey]*geelark.Budgets)}
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
		limits[a.key] = geelark.Limits{PerMinute: min(l.PerMinute, a.limits.PerMinute), PerHour: min(l.PerHour, a.limits.PerHour)}
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
		a.key, a.last = old.budgets.key, old.budgets.last
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
			a.last = geelark.NewBudgets(a.limits, s.now)
		}
		return a.last
	}
	key := budgetKey{c.Digest(), a.baseURL}
	if key == a.key {
		return a.last
	}
	b := s.known[key]
	if b == nil {
		b = geelark.NewBudgets(a.limits, s.now)
		if a.last != nil {
			b.CopySpent(a.last)
		}
		s.known[key] = b
	}
	a.key, a.last = key, b
	s.settle()
	return b
}
