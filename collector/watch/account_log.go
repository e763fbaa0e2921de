package watch

import (
	"bytes"
	"encoding/gob"
	"reflect"
	"sync"
	"time"

	"geelark_exporter/collector/ledger"
	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/state"
	"geelark_exporter/collector/tasks"
	"geelark_exporter/geelark"
)

// saveInterval is how often what is known of phones is saved: what a crash loses of
// it is polled again.
const saveInterval = time.Minute

// accountLogs keep on disk what is known of an account: its phones, as a whole from
// time to time, and what it used and what became of its tasks, as that is learned.
// Nil logs keep nothing.
type accountLogs struct {
	phones *state.Log
	usage  *state.Log
	tasks  *state.Log

	mu      sync.Mutex
	saved   time.Time
	account *Account // whose they are now
}

// A phonesRecord is a part of what is known of an account's phones: first how they
// were found, then the phones.
type phonesRecord struct {
	Selection Selection
	Listing   listingRecord
	Billing   billingRecord
	Phones    []phones.Saved
}

// A Selection is how phones are chosen. Phones that were chosen otherwise are given
// up by the next listing.
type Selection struct {
	Discovery Discovery
	IDs       []string
	IDsFile   string
}

type listingRecord struct {
	Known     bool
	Next      time.Time
	Last      State
	Listed    int
	IsListed  bool
	Vain      *Vain
	Unmatched *Unmatched
}

type billingRecord struct {
	Wallet           *geelark.Wallet
	Plan             *geelark.PlanInfo
	WalletAt, PlanAt time.Time
}

// A usageRecord is what was learned of what was used, up to when it was read, or what
// had been counted when the day began.
type usageRecord struct {
	Change   *ledger.Change
	Read     time.Time
	CaughtUp time.Time // zero: not before Read
	Today    *today
}

// openLogs reads what was known of an account, which is new.
func openLogs(a *Account, o *Options) *accountLogs {
	l := &accountLogs{account: a, saved: o.Now()}
	if o.State == nil {
		return l
	}
	var saved []phones.Saved
	var first phonesRecord
	l.phones = o.State.Log("phones."+a.name, 1, func(record []byte) error {
		var r phonesRecord
		err := decode(record, &r)
		if len(r.Phones) == 0 {
			first = r
		}
		saved = append(saved, r.Phones...)
		return err
	}, func(add func([]byte)) { l.account.sayPhones(add) })
	a.store.Restore(saved, l.saved)
	a.restored.Store(len(saved) > 0)
	a.counts.open(o.State)
	a.billing.restore(first.Billing)
	if reflect.DeepEqual(first.Selection, a.selection()) {
		a.inventory.restore(first.Listing, l.saved)
	} else {
		a.store.NewSelection()
	}
	if u := a.usage; u != nil {
		l.usage = o.State.Log("usage."+a.name, 1, func(record []byte) error {
			var r usageRecord
			err := decode(record, &r)
			u.restore(r)
			return err
		}, func(add func([]byte)) { l.account.usage.say(add) })
		l.usage.Rewrite() // when counting began, if that is now
		u.sums = u.sumsOfPhones()
		u.kept.log = l.usage
	}
	if t := a.tasks; t != nil {
		l.tasks = o.State.Log("tasks."+a.name, 1, func(record []byte) error {
			var c tasks.Change
			err := decode(record, &c)
			t.tracker.Restore(c)
			return err
		}, func(add func([]byte)) { add(encode(l.account.tasks.tracker.Whole())) })
		l.tasks.Rewrite()
		t.kept.log = l.tasks
	}
	return l
}

// passTo makes the logs another account's, which takes the place of the one before.
func (l *accountLogs) passTo(a *Account) *accountLogs {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.account = a
	return l
}

// A keeper appends what is learned to a log, if there is one.
type keeper struct{ log *state.Log }

func (k *keeper) append(record any) {
	if k.log != nil {
		k.log.Append(encode(record))
	}
}

func decode(record []byte, v any) error { return gob.NewDecoder(bytes.NewReader(record)).Decode(v) }

func (a *Account) selection() Selection {
	return Selection{a.cfg.Discovery, a.cfg.IDs, a.cfg.IDsFile}
}

// sayPhones adds what is known of the account's phones.
func (a *Account) sayPhones(add func([]byte)) {
	add(encode(phonesRecord{Selection: a.selection(), Listing: a.inventory.known(), Billing: a.billing.record()}))
	for some := range a.store.Save() {
		add(encode(phonesRecord{Phones: some}))
	}
}

// isDue reports whether it is time to save the phones, and takes that time.
func (l *accountLogs) isDue(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.saved) < saveInterval {
		return false
	}
	l.saved = now
	return true
}

// save writes what is known of the phones.
func (l *accountLogs) save() {
	if l.phones != nil {
		l.phones.Rewrite()
	}
}

// close saves and closes the logs.
func (l *accountLogs) close() {
	l.save()
	l.account.counts.close()
	for _, log := range []*state.Log{l.phones, l.usage, l.tasks} {
		if log != nil {
			log.Close()
		}
	}
}
