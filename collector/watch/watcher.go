// Package watch keeps GeeLark accounts under observation: which of their phones
// are tracked, when each collector asks the API, whether that works, and what goes
// wrong. It knows nothing of how that is exposed.
//
// Data goes one way: an [AccountConfig] makes an [Account]; its configuration or
// its list says which phones are tracked; its sweeps ask the API for those that
// are due and put what they learn into the account's [phones.Store], of which
// scrapes take snapshots.
package watch

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector/state"
	"geelark_exporter/geelark"
)

// Options are what all accounts of a [Watcher] have in common.
type Options struct {
	Logger     log.Logger       // nil: no logs
	Now        func() time.Time // nil: time.Now
	UserAgent  string           // of API requests
	Collectors []string         // those that are switched on; nil: [DefaultCollectors]
	Shard      Shard            // which accounts are this process's; the zero value: all
	Observer   Observer         // nil: nobody
	// State keeps what must outlive the process, nil: nothing does.
	State *state.Directory
	// Doubt is whether another process may have spent from the accounts' limits
	// just before: what State does not know of is spent with care for a minute.
	Doubt bool
	// ReadFile reads ids files, whatever state they are in, until ctx is done; nil:
	// as [ReadIDs] does.
	ReadFile func(ctx context.Context, file string) ([]byte, error)
	// ClientOptions are applied after the options that the accounts'
	// configurations make.
	ClientOptions []geelark.Option
}

// A Watcher watches accounts. It asks the API only when an account is refreshed.
// It is safe for concurrent use.
type Watcher struct {
	o Options

	changing sync.Mutex // held while the accounts are changed
	fleet    atomic.Pointer[Fleet]
	budgets  *budgetStore
}

// A Fleet is the accounts at one time. It is never changed.
type Fleet struct {
	Accounts   []*Account // those of this process
	Configured int        // accounts of all shards
	Labels     []string   // the names of the accounts' own labels, in ascending order
}

// New returns a watcher of accounts, whose names must differ. It fails when a
// configuration is not valid or an ids file cannot be read. Close it after use.
func New(accounts []AccountConfig, o Options) (*Watcher, error) {
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Collectors == nil {
		o.Collectors = DefaultCollectors()
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.ReadFile == nil {
		o.ReadFile = readIDsFile
	}
	w := &Watcher{o: o, budgets: newBudgetStore(&o)}
	w.fleet.Store(new(Fleet))
	if err := w.Reload(accounts); err != nil {
		return nil, err
	}
	return w, nil
}

// Fleet returns the accounts of now.
func (w *Watcher) Fleet() *Fleet { return w.fleet.Load() }

// Now returns the time of the watcher's clock.
func (w *Watcher) Now() time.Time { return w.o.Now() }

// State returns what keeps the state, nil when nothing does.
func (w *Watcher) State() *state.Directory { return w.o.State }

// Collectors returns those that are switched on. They must not be changed.
func (w *Watcher) Collectors() []string { return w.o.Collectors }

// Shard returns which accounts are this process's.
func (w *Watcher) Shard() Shard { return w.o.Shard }

// Reload watches these accounts from now on. An account whose configuration is
// the same goes on undisturbed; one that changed keeps its phones, and what it has
// spent of its budgets. After an error everything is as before.
func (w *Watcher) Reload(wanted []AccountConfig) error {
	w.changing.Lock()
	defer w.changing.Unlock()
	before := w.fleet.Load()
	next := &Fleet{Configured: len(wanted)}
	names := make(map[string]bool)
	labels := make(map[string]bool)
	for _, cfg := range wanted {
		if names[cfg.Name] {
			return fmt.Errorf("two accounts have the name %q", cfg.Name)
		}
		names[cfg.Name] = true
		if !w.o.Shard.Owns(cfg.Name) {
			continue
		}
		a, err := w.keepOrMake(cfg, before.account(cfg.Name))
		if err != nil {
			return fmt.Errorf("account %q: %w", cfg.Name, err)
		}
		next.Accounts = append(next.Accounts, a)
		for l := range cfg.Labels {
			labels[l] = true
		}
	}
	next.Labels = slices.Sorted(maps.Keys(labels))
	// Nothing can fail any more. What takes the place of an account begins when
	// that has ended: both have the same phones.
	for _, a := range before.Accounts {
		if !slices.Contains(next.Accounts, a) {
			a.close()
		}
	}
	w.budgets.use(next.Accounts)
	w.readCredentials(next, before)
	for _, a := range next.Accounts {
		if old := before.account(a.name); a != old {
			a.begin(old, &w.o)
		}
		w.o.Observer.AccountAdded(a)
	}
	w.fleet.Store(next)
	for _, a := range before.Accounts {
		if next.account(a.name) == nil {
			a.logs.close()
			w.o.Observer.AccountRemoved(a.name)
		}
	}
	return nil
}

// credentialsPatience is how long a reload waits for files that hold credentials.
const credentialsPatience = 2 * time.Second

// readCredentials makes accounts of the same credentials keep to the lowest of their
// limits from the first request on, whichever of them is refreshed first. What cannot
// be read is told of by the first request that needs it.
func (w *Watcher) readCredentials(next, before *Fleet) {
	ctx, cancel := context.WithTimeout(context.Background(), credentialsPatience)
	defer cancel()
	for _, a := range next.Accounts {
		if before.account(a.name) != a {
			_ = a.client.ReadCredentials(ctx)
		}
	}
}

// keepOrMake returns the account as it is, or one that can take its place.
func (w *Watcher) keepOrMake(cfg AccountConfig, now *Account) (*Account, error) {
	if now != nil && reflect.DeepEqual(now.cfg, cfg) {
		return now, nil
	}
	return newAccount(cfg, &w.o, w.budgets, now)
}

// account returns the account of a name, nil when there is none.
func (f *Fleet) account(name string) *Account {
	for _, a := range f.Accounts {
		if a.name == name {
			return a
		}
	}
	return nil
}

// Close ends all calls that are under way and waits for their end. What is known
// stays known.
func (w *Watcher) Close() {
	w.changing.Lock()
	defer w.changing.Unlock()
	for _, a := range w.fleet.Load().Accounts {
		a.close()
		a.logs.close()
	}
}
