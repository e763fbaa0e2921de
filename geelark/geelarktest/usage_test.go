package geelarktest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

const transactions = "billing/transaction/detail"

type flow struct {
	ID          string
	EnvID       string
	Amount      json.Number
	UsedTime    int64
	Type        int
	ChargeType  int
	CreatedTime int64
}

type flows struct {
	Total, Page, PageSize int

	List       []flow
	LastFlowID string
}

// micros reads a JSON number of money exactly.
func micros(t *testing.T, n json.Number) int64 {
	t.Helper()
	whole, part, _ := strings.Cut(string(n), ".")
	v, err := strconv.ParseInt(whole+part+strings.Repeat("0", 6-len(part)), 10, 64)
	if err != nil {
		t.Fatal(n, err)
	}
	return v
}

// pages reads a list of transactions to its end.
func pages(t *testing.T, s *geelarktest.Server, limit int) []flow {
	t.Helper()
	var all []flow
	request := params{"limit": limit}
	for {
		page := get[flows](t, s, transactions, request)
		all = append(all, page.List...)
		if len(page.List) < limit {
			return all
		}
		request["lastFlowId"] = page.LastFlowID
	}
}

// A reader adds up flows by their ids, as a client would.
type reader struct {
	seen map[string]flow
}

func (r *reader) read(t *testing.T, s *geelarktest.Server, limit int) {
	t.Helper()
	if r.seen == nil {
		r.seen = map[string]flow{}
	}
	for _, f := range pages(t, s, limit) {
		if known, ok := r.seen[f.ID]; ok && known != f {
			t.Fatalf("flow %s was %+v and is %+v", f.ID, known, f)
		}
		r.seen[f.ID] = f
	}
}

func (r *reader) ledger(t *testing.T) map[geelarktest.Charge]geelarktest.Sum {
	t.Helper()
	ledger := map[geelarktest.Charge]geelarktest.Sum{}
	for _, f := range r.seen {
		c := geelarktest.Charge{Phone: f.EnvID, Type: f.Type, ChargeType: f.ChargeType}
		sum := ledger[c]
		sum.Flows++
		sum.Seconds += f.UsedTime * 60
		sum.Micros += micros(t, f.Amount)
		ledger[c] = sum
	}
	return ledger
}

func total(ledger map[geelarktest.Charge]geelarktest.Sum, chargeType int) (sum geelarktest.Sum) {
	for c, s := range ledger {
		if c.ChargeType == chargeType {
			sum.Flows += s.Flows
			sum.Seconds += s.Seconds
			sum.Micros += s.Micros
		}
	}
	return sum
}

// metered returns a fleet of phones that are off and paid by the minute.
func metered(t *testing.T, phones int, u geelarktest.Usage, b geelarktest.Billing) (*geelarktest.Server, *clock) {
	t.Helper()
	c := newClock()
	s := geelarktest.New(geelarktest.Config{
		Phones: phones, Seed: 1, Now: c.Now, Token: token, Still: true, Usage: u,
		Limits: map[string]geelarktest.Limits{transactions: {PerMinute: -1, PerHour: -1}, "pay/wallet": {PerMinute: -1}},
	})
	for _, id := range s.IDs() {
		s.SetStatus(id, 2)
		s.Edit(id, func(p *geelarktest.Phone) { p.ChargeMode = 0 })
	}
	c.Advance(time.Minute) // what ran before is billed
	s.SetBilling(b)
	return s, c
}

// since returns what the ledger has that it had not before.
func since(s *geelarktest.Server, before map[geelarktest.Charge]geelarktest.Sum) map[geelarktest.Charge]geelarktest.Sum {
	now := s.Ledger()
	for c, sum := range before {
		n := now[c]
		if n == sum {
			delete(now, c)
			continue
		}
		now[c] = geelarktest.Sum{Flows: n.Flows - sum.Flows, Seconds: n.Seconds - sum.Seconds, Micros: n.Micros - sum.Micros}
	}
	return now
}

func TestMinutesArePaidByTheDocumentedOrderOfMeans(t *testing.T) {
	s, c := metered(t, 1, geelarktest.Usage{Every: time.Minute, Bonus: 3}, geelarktest.Billing{Balance: 10, GiftMoney: 0.02, AvailableTimeAddOn: 5})
	before := s.Ledger()
	s.SetStatus(s.IDs()[0], 0)
	c.Advance(12 * time.Minute)
	// Three bonus minutes are left only if the phone did not run before.
	bonus := 3 - int(total(before, 5).Seconds/60)
	want := map[int]geelarktest.Sum{
		5: {Flows: bonus, Seconds: int64(bonus) * 60},
		4: {Flows: 5, Seconds: 300},
		3: {Flows: 2, Seconds: 120, Micros: 14_000},
		2: {Flows: 5 - bonus, Seconds: int64(5-bonus) * 60, Micros: int64(5-bonus) * 7000},
	}
	got := since(s, before)
	for charge, sum := range want {
		equal(t, fmt.Sprint("charge type ", charge), total(got, charge), sum)
	}
	equal(t, "wallet", call(t, s, "pay/wallet", "{}").Data, json.RawMessage(fmt.Sprintf(
		`{"balance":%s,"giftMoney":0.006,"availableTimeAddOn":0}`, json.Number(fmt.Sprintf("%.3f", 10-0.007*float64(5-bonus))))))
	equal(t, "gift money", s.Billing().GiftMoney, 0.006)
}

func TestAFlowOfManyMinutesIsSplitByItsMeans(t *testing.T) {
	s, c := metered(t, 1, geelarktest.Usage{Every: 30 * time.Minute}, geelarktest.Billing{Balance: 10, GiftMoney: 0.02, AvailableTimeAddOn: 5})
	before := s.Ledger()
	s.SetStatus(s.IDs()[0], 0)
	c.Advance(30*time.Minute - 1)
	equal(t, "before the time is over", len(since(s, before)), 0)
	c.Advance(1)
	got := since(s, before)
	equal(t, "time add-on", total(got, 4), geelarktest.Sum{Flows: 1, Seconds: 300})
	equal(t, "gift", total(got, 3), geelarktest.Sum{Flows: 1, Seconds: 120, Micros: 14_000})
	equal(t, "balance", total(got, 2), geelarktest.Sum{Flows: 1, Seconds: 23 * 60, Micros: 161_000})
	c.Advance(9*time.Minute + time.Second)
	s.SetStatus(s.IDs()[0], 2)
	equal(t, "with the rest of a run", total(since(s, before), 2), geelarktest.Sum{Flows: 2, Seconds: 33 * 60, Micros: 231_000})
}

func TestMinutesBeyondTheDailyCapAreFree(t *testing.T) {
	s, c := metered(t, 1, geelarktest.Usage{Every: 10 * time.Minute}, geelarktest.Billing{Balance: 10})
	c.Advance(12*time.Hour - time.Minute) // midnight
	before := s.Ledger()
	s.SetStatus(s.IDs()[0], 0)
	c.Advance(24*time.Hour - time.Minute)
	got := since(s, before)
	equal(t, "balance", total(got, 2), geelarktest.Sum{Flows: 15, Seconds: 143 * 60, Micros: 1_000_000})
	equal(t, "cap reached", total(got, 8).Seconds, int64(1430-143)*60)
	equal(t, "cap reached costs", total(got, 8).Micros, 0)
	c.Advance(11 * time.Minute)
	equal(t, "the next day", total(since(s, before), 2), geelarktest.Sum{Flows: 16, Seconds: 153 * 60, Micros: 1_070_000})
	equal(t, "balance left", s.Billing().Balance, 8.93)
}

func TestParallelsAndMonthlyPhonesCostNoMinutes(t *testing.T) {
	for _, rentals := range []bool{false, true} {
		s, c := metered(t, 3, geelarktest.Usage{Every: time.Minute, Rentals: rentals}, geelarktest.Billing{Balance: 10, Parallels: 1})
		all := s.IDs()
		before := s.Ledger()
		s.Edit(all[0], func(p *geelarktest.Phone) { p.ChargeMode = 1 })
		for _, id := range all {
			s.SetStatus(id, 0)
		}
		c.Advance(10 * time.Minute)
		got, want := since(s, before), map[geelarktest.Charge]geelarktest.Sum{
			{Phone: all[1], Type: 1, ChargeType: 7}: {Flows: 10, Seconds: 600},
			{Phone: all[2], Type: 1, ChargeType: 2}: {Flows: 10, Seconds: 600, Micros: 70_000},
		}
		if rentals {
			want[geelarktest.Charge{Phone: all[0], Type: 1, ChargeType: 6}] = geelarktest.Sum{Flows: 10, Seconds: 600}
		}
		if !maps.Equal(got, want) {
			t.Errorf("rentals shown %v: got %v, want %v", rentals, got, want)
		}
		// A phone that becomes a monthly one is no longer charged by the minute.
		s.Edit(all[2], func(p *geelarktest.Phone) { p.ChargeMode = 1 })
		c.Advance(10 * time.Minute)
		equal(t, "balance", total(since(s, before), 2), geelarktest.Sum{Flows: 10, Seconds: 600, Micros: 70_000})
	}
}

func TestAnEmptyWalletShutsDownWhatIsPaidByTheMinute(t *testing.T) {
	s, c := metered(t, 3, geelarktest.Usage{Every: time.Minute}, geelarktest.Billing{Balance: 0.07, Parallels: 1})
	all := s.IDs()
	s.Edit(all[0], func(p *geelarktest.Phone) { p.ChargeMode = 1 })
	for _, id := range all {
		s.SetStatus(id, 0)
	}
	c.Advance(9 * time.Minute)
	equal(t, "before", []int{status(t, s, all[0]), status(t, s, all[1]), status(t, s, all[2])}, []int{0, 0, 0})
	c.Advance(time.Minute)
	equal(t, "after", []int{status(t, s, all[0]), status(t, s, all[1]), status(t, s, all[2])}, []int{0, 0, 2})
	equal(t, "balance", call(t, s, "pay/wallet", "{}").Data, json.RawMessage(`{"balance":0,"giftMoney":0,"availableTimeAddOn":0}`))
	equal(t, "a start", get[batch](t, s, "phone/start", ids(all[2])).FailDetails[0].Code, geelark.CodeBalance)
	b := s.Billing()
	b.AvailableTimeAddOn = 1
	s.SetBilling(b)
	equal(t, "a start when a minute is left", get[batch](t, s, "phone/start", ids(all[2])).SuccessAmount, 1)
	c.Advance(time.Hour)
	equal(t, "after that minute", status(t, s, all[2]), 2)
	s.SetStatus(all[2], 0)
	s.SetBilling(geelarktest.Billing{})
	equal(t, "when the wallet is emptied", status(t, s, all[2]), 2)
}

func TestNothingIsBilledUnlessWanted(t *testing.T) {
	s, c := living(100, 1)
	before := s.Billing()
	c.Advance(48 * time.Hour)
	equal(t, "billing", s.Billing(), before)
	equal(t, "ledger", len(s.Ledger()), 0)
	equal(t, "flows", get[flows](t, s, transactions, params{}), flows{Page: 1, PageSize: 100, List: []flow{}})
}

func TestTransactionParameters(t *testing.T) {
	s, _ := metered(t, 1, geelarktest.Usage{Every: time.Minute}, geelarktest.Billing{Balance: 1})
	for _, tt := range []struct {
		name string
		body string
		want geelark.Code
	}{
		{"a thousand may be asked for", `{"limit":1000}`, geelark.CodeOK},
		{"no more", `{"limit":1001}`, geelark.CodeParameter},
		{"at least one", `{"limit":0}`, geelark.CodeParameter},
		{"the last id must be one", `{"lastFlowId":"x"}`, geelark.CodeParameter},
		{"the last id must be one that was", `{"lastFlowId":"612476158453291064"}`, geelark.CodeParameter},
		{"times are numbers", `{"startAt":"1774593838"}`, geelark.CodeParameter},
		{"a phone that is none has no flows", `{"id":"612451567282427943"}`, geelark.CodeOK},
		{"it is JSON", `{`, geelark.CodeBody},
	} {
		equal(t, tt.name, call(t, s, transactions, tt.body).Code, tt.want)
	}
}

// worked returns a fleet that lives and is billed, with all kinds of charges.
func worked(phones int, every time.Duration) (*geelarktest.Server, *clock) {
	c := newClock()
	s := geelarktest.New(geelarktest.Config{
		Phones: phones, Seed: 3, Now: c.Now, Token: token, TasksPerDay: 6,
		Usage:  geelarktest.Usage{Every: every, Bonus: 60, Rentals: true},
		Limits: map[string]geelarktest.Limits{transactions: {PerMinute: -1, PerHour: -1}, "task/historyRecords": {PerMinute: -1, PerHour: -1}},
	})
	s.SetBilling(geelarktest.Billing{Balance: 1e6, GiftMoney: 1, AvailableTimeAddOn: 200, Parallels: phones / 10})
	return s, c
}

var orders = map[string]geelarktest.Order{
	"newest first": geelarktest.NewestFirst, "oldest first": geelarktest.OldestFirst,
	"by id": geelarktest.ByID, "shuffled": geelarktest.Shuffled,
}

// TestAReaderArrivesAtTheLedger reads everything once a day for four days, in
// every way in which the list may come.
func TestAReaderArrivesAtTheLedger(t *testing.T) {
	for name, order := range orders {
		for _, l := range []geelarktest.Listing{
			{Order: order},
			{Order: order, Late: 6 * time.Hour},
			{Order: order, Twice: true},
			{Order: order, Drift: true},
			{Order: order, Late: time.Hour, Twice: true, Drift: true},
		} {
			t.Run(fmt.Sprintf("%s, %+v", name, l), func(t *testing.T) {
				s, c := worked(20, time.Hour)
				s.SetListing(transactions, l)
				var r reader
				for range 4 {
					c.Advance(24 * time.Hour)
					r.read(t, s, 197)
				}
				got, want := r.ledger(t), s.Ledger()
				if l.Late == 0 && !maps.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
				for range 2 { // phones go on while the late ones come in
					c.Advance(6 * time.Hour)
					r.read(t, s, 1000)
				}
				for c, sum := range want {
					if got := r.ledger(t)[c]; got.Seconds < sum.Seconds || got.Micros < sum.Micros {
						t.Errorf("of %+v: %+v, want %+v", c, got, sum)
					}
				}
				for charge := 1; charge <= 8; charge++ {
					if total(want, charge).Flows == 0 {
						t.Errorf("no flow of charge type %d", charge)
					}
				}
			})
		}
	}
}

func TestOrders(t *testing.T) {
	for name, order := range orders {
		t.Run(name, func(t *testing.T) {
			s, c := worked(30, 10*time.Minute)
			s.SetListing(transactions, geelarktest.Listing{Order: order})
			c.Advance(6 * time.Hour)
			all := pages(t, s, 50)
			equal(t, "total", get[flows](t, s, transactions, params{}).Total, len(all))
			sorted := slices.IsSortedFunc(all, func(a, b flow) int { return int(b.CreatedTime - a.CreatedTime) })
			equal(t, "newest first", sorted, order == geelarktest.NewestFirst)
			sorted = slices.IsSortedFunc(all, func(a, b flow) int { return int(a.CreatedTime - b.CreatedTime) })
			equal(t, "oldest first", sorted, order == geelarktest.OldestFirst)
			sorted = slices.IsSortedFunc(all, func(a, b flow) int { return strings.Compare(a.ID, b.ID) })
			equal(t, "by id", sorted, order == geelarktest.ByID)
			again := pages(t, s, 1000)
			equal(t, "the same again", again, all)
			ids := map[string]bool{}
			for _, f := range all {
				ids[f.ID] = true
			}
			equal(t, "ids", len(ids), len(all))
		})
	}
}

func TestTransactionsCanBeFiltered(t *testing.T) {
	s, c := worked(20, 10*time.Minute)
	c.Advance(12 * time.Hour)
	all := pages(t, s, 1000)
	from, to := noon.Add(2*time.Hour).Unix(), noon.Add(3*time.Hour).Unix()
	phone := all[0].EnvID
	want := 0
	for _, f := range all {
		if f.EnvID == phone && f.CreatedTime >= from && f.CreatedTime <= to {
			want++
		}
	}
	got := get[flows](t, s, transactions, params{"id": phone, "startAt": from, "endAt": to})
	equal(t, "total, items", []int{got.Total, len(got.List)}, []int{want, want})
	if want == 0 {
		t.Error("the filter is not tried")
	}
	edge := all[len(all)/2].CreatedTime
	closed := get[flows](t, s, transactions, params{"startAt": edge, "endAt": edge})
	if closed.Total == 0 || closed.Total != len(closed.List) {
		t.Errorf("in one second: %+v", closed)
	}
	s.SetListing(transactions, geelarktest.Listing{OpenEnd: true})
	equal(t, "in one second whose end is left out", get[flows](t, s, transactions, params{"startAt": edge, "endAt": edge}).Total, 0)
	s.SetListing(transactions, geelarktest.Listing{PageTotal: true})
	equal(t, "the total of a page", get[flows](t, s, transactions, params{"limit": 7}).Total, 7)
	s.SetListing(transactions, geelarktest.Listing{})
	equal(t, "in no time at all", get[flows](t, s, transactions, params{"startAt": to, "endAt": from}).Total, 0)
	equal(t, "in the future", get[flows](t, s, transactions, params{"startAt": c.Now().Unix() + 1}).Total, 0)
}

func TestFlowsAreForgottenAfterThreeDays(t *testing.T) {
	s, c := worked(20, 10*time.Minute)
	c.Advance(10 * 24 * time.Hour)
	for _, f := range pages(t, s, 1000) {
		if age := c.Now().Unix() - f.CreatedTime; age > 3*24*3600 || age < 0 {
			t.Fatalf("a flow is %d s old", age)
		}
	}
	first := pages(t, s, 100)
	last := first[len(first)-1]
	c.Advance(4 * 24 * time.Hour)
	equal(t, "after a last id that is forgotten", len(get[flows](t, s, transactions, params{"lastFlowId": last.ID}).List), 0)
	s.SetListing(transactions, geelarktest.Listing{Order: geelarktest.OldestFirst})
	equal(t, "likewise, oldest first", get[flows](t, s, transactions, params{"lastFlowId": last.ID, "limit": 5}).List,
		get[flows](t, s, transactions, params{"limit": 5}).List)
}

func TestEntriesCanComeLate(t *testing.T) {
	s, c := worked(20, 10*time.Minute)
	s.SetListing(transactions, geelarktest.Listing{Late: time.Hour})
	c.Advance(6 * time.Hour)
	var r reader
	r.read(t, s, 1000)
	at, before := c.Now().Unix(), maps.Clone(r.seen)
	for range 60 {
		c.Advance(time.Minute)
		r.read(t, s, 1000)
	}
	late := 0
	for id, f := range r.seen {
		if _, known := before[id]; !known && f.CreatedTime <= at {
			late++
		}
	}
	if late == 0 {
		t.Error("none came late")
	}
}

func TestEntriesCanComeTwice(t *testing.T) {
	s, c := worked(20, 10*time.Minute)
	s.SetListing(transactions, geelarktest.Listing{Twice: true})
	c.Advance(6 * time.Hour)
	first := get[flows](t, s, transactions, params{"limit": 10})
	second := get[flows](t, s, transactions, params{"limit": 10, "lastFlowId": first.LastFlowID})
	equal(t, "the first of the second page", second.List[0], first.List[9])
	if second.List[1] == first.List[9] {
		t.Error("it comes three times")
	}
	one := get[flows](t, s, transactions, params{"limit": 1, "lastFlowId": first.List[0].ID})
	equal(t, "a page of one goes on", one.List[0], first.List[1])
}

// TestLastFlowIDs reads a second page after new entries have come.
func TestLastFlowIDs(t *testing.T) {
	for _, tt := range []struct {
		name  string
		drift bool
	}{
		{"survive new entries", false},
		{"drift with new entries", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, c := worked(20, 10*time.Minute)
			s.SetListing(transactions, geelarktest.Listing{Drift: tt.drift})
			c.Advance(6 * time.Hour)
			all := pages(t, s, 1000)
			first := get[flows](t, s, transactions, params{"limit": 50})
			c.Advance(10 * time.Minute)
			fresh := len(pages(t, s, 1000)) - len(all)
			second := get[flows](t, s, transactions, params{"limit": 50, "lastFlowId": first.LastFlowID})
			if fresh < 1 || fresh > 49 {
				t.Fatalf("%d new entries", fresh)
			}
			if tt.drift {
				equal(t, "the second page's first", second.List[0], all[50-fresh])
			} else {
				equal(t, "the second page's first", second.List[0], all[50])
			}
		})
	}
}

func TestWhatIsBilledDoesNotDependOnWhoLooks(t *testing.T) {
	often, c1 := worked(50, 7*time.Minute)
	seldom, c2 := worked(50, 7*time.Minute)
	for range 48 * 60 / 13 {
		c1.Advance(13 * time.Minute)
		often.Phone("")
	}
	c2.Advance(c1.Now().Sub(noon))
	if !maps.Equal(often.Ledger(), seldom.Ledger()) {
		t.Error("the ledgers differ")
	}
	if !maps.Equal(often.TaskEnds(), seldom.TaskEnds()) {
		t.Error("the tasks differ")
	}
	equal(t, "flows", pages(t, often, 1000), pages(t, seldom, 1000))
}

func TestAnAccountCanHaveAPast(t *testing.T) {
	c := newClock()
	s := geelarktest.New(geelarktest.Config{
		Phones: 20, Now: c.Now, Token: token, Past: 48 * time.Hour, TasksPerDay: 5, Usage: geelarktest.Usage{Every: time.Hour},
	})
	all := get[flows](t, s, transactions, params{"limit": 1000})
	if len(all.List) < 100 || all.List[0].CreatedTime > noon.Unix() || len(s.Tasks()) < 100 {
		t.Errorf("%d flows, %d tasks", len(all.List), len(s.Tasks()))
	}
}

// TestAMonthOfAFleetOf10000 takes seconds, and holds three days.
func TestAMonthOfAFleetOf10000(t *testing.T) {
	if testing.Short() {
		t.Skip("a month of 10,000 phones")
	}
	fleet, least := 10_000, 100_000
	if race {
		fleet, least = 300, 3_000
	}
	c := newClock()
	s := geelarktest.New(geelarktest.Config{
		Phones: fleet, Seed: 1, Now: c.Now, Token: token, TasksPerDay: 2, Usage: geelarktest.Usage{Every: 30 * time.Minute},
	})
	s.SetBilling(geelarktest.Billing{Balance: 1e9, Parallels: fleet / 20})
	for range 30 {
		c.Advance(24 * time.Hour)
		s.Phone("")
	}
	ledger := s.Ledger()
	sum := total(ledger, 2)
	if sum.Flows < least || sum.Micros != int64(1e15)-int64(s.Billing().Balance*1e6) {
		t.Errorf("%+v, balance %f", sum, s.Billing().Balance)
	}
	shown := get[flows](t, s, transactions, params{"limit": 1}).Total
	if all := len(ledger); shown == 0 || all == 0 {
		t.Errorf("%d flows are shown, %d sums", shown, all)
	}
}

func BenchmarkAnHourOf10000PhonesBilledEachMinute(b *testing.B) {
	c := newClock()
	s := geelarktest.New(geelarktest.Config{Phones: 10_000, Seed: 1, Now: c.Now, Usage: geelarktest.Usage{Every: time.Minute}})
	s.SetBilling(geelarktest.Billing{Balance: 1e9})
	for b.Loop() {
		c.Advance(time.Hour)
		s.Phone("")
	}
}
