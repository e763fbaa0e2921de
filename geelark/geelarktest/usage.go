package geelarktest

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// Usage says how an account is billed for its phones. The zero value bills
// nothing: the wallet then stands still.
//
// A phone that is started is charged by what it was started with: one of the
// account's parallels, its monthly rental, or the minute. A minute is paid by
// the first of these that has it: bonus minutes, time add-on minutes, gift
// money, the balance. When none has, the phones that are paid by the minute
// shut down and cannot be started.
//
// Money is counted in micros, millionths of the account's currency, so that
// sums are exact.
type Usage struct {
	// Every is how long a phone runs for one flow, in whole minutes; 0 bills
	// nothing. A flow is made at the end of that time, and one for the rest
	// when the phone shuts down, with a started minute counted whole.
	Every time.Duration

	Price    int64 // micros a minute; 0: 7,000, the vendor's published price
	DailyCap int64 // micros a phone in a day, then its minutes are free; 0: 1,000,000, as published; negative: none
	Bonus    int   // bonus minutes that the account begins with

	// OwnDays has each phone's day for the cap begin at a time of its own.
	// Otherwise it is a day of UTC. No document tells.
	OwnDays bool

	// TopUp is what the account's owner pays in, in micros, when less than a
	// tenth of it is left of the balance and nothing else; 0: nothing.
	TopUp int64

	// Rentals has the minutes of monthly phones shown too, as flows of no
	// amount. No document tells whether they are.
	Rentals bool
}

// The documented types of usage and of charging ("Query billing transaction
// detail").
const (
	usagePhone = 1
	usageRPA   = 2

	chargePoints    = 1
	chargeBalance   = 2
	chargeGift      = 3
	chargeAddOn     = 4
	chargeBonus     = 5
	chargeRental    = 6
	chargeParallels = 7
	chargeCap       = 8
)

const micro = 1_000_000

// A Charge names what a [Sum] is of.
type Charge struct {
	Phone      string
	Type       int // 1: cloud phone, 2: RPA
	ChargeType int // 1 to 8 as documented
}

// A Sum is what was charged. For charge type 1 an amount is of points.
type Sum struct {
	Flows   int
	Seconds int64
	Micros  int64
}

// billed is one phone's part of the ledger; phones that are gone keep theirs.
type billed struct {
	id   string
	sums [2][9]Sum // by type less 1 and charge type
	zone int64     // seconds after midnight of UTC at which its days begin
	day  int64     // the day that paid is of
	paid int       // minutes that counted against the cap
}

// A usage is an account's billing at work.
type usage struct {
	Usage
	every         int64 // seconds
	now           int64 // Unix seconds; all flows up to it are made
	slots         [][]*session
	phones        []billed
	flows         flows
	bonus, addOn  int // minutes
	gift, balance int64
	broke         func(at time.Time) // told when nothing is left
}

// A session is one run of a phone.
type session struct {
	phone  *phone
	charge charging
	last   int64 // Unix seconds; paid up to here
	over   bool
}

// newUsage returns nil when nothing is to be billed.
func newUsage(cfg Usage, now time.Time) *usage {
	if cfg.Every <= 0 {
		return nil
	}
	minutes := max(int64(cfg.Every/time.Minute), 1)
	if cfg.Price == 0 {
		cfg.Price = 7000
	}
	if cfg.DailyCap == 0 {
		cfg.DailyCap = micro
	}
	return &usage{
		Usage: cfg,
		every: minutes * 60,
		now:   now.Unix(),
		slots: make([][]*session, minutes*60),
		bonus: cfg.Bonus,
	}
}

// set takes over what the account has.
func (u *usage) set(b Billing) {
	u.addOn = b.AvailableTimeAddOn
	u.gift = int64(math.Round(b.GiftMoney * micro))
	u.balance = int64(math.Round(b.Balance * micro))
}

// empty reports whether nothing is left that could pay a minute.
func (u *usage) empty() bool {
	return u.bonus == 0 && u.addOn == 0 && u.gift < u.Price && u.balance <= 0
}

// begin starts to bill a phone.
func (u *usage) begin(p *phone, at time.Time) {
	if u == nil {
		return
	}
	u.enroll(p)
	p.session = &session{phone: p, charge: p.charge, last: at.Unix()}
	slot := &u.slots[at.Unix()%u.every]
	*slot = append(*slot, p.session)
}

// enroll gives a phone its place in the ledger.
func (u *usage) enroll(p *phone) {
	if p.billed > 0 {
		return
	}
	b := billed{id: p.ID}
	if u.OwnDays {
		b.zone = int64(hash(p.number) % 86_400)
	}
	u.phones = append(u.phones, b)
	p.billed = len(u.phones)
}

// end bills the rest of a phone's run.
func (u *usage) end(p *phone, at time.Time) {
	if u == nil || p.session == nil {
		return
	}
	s := p.session
	p.session, s.over = nil, true
	u.bill(s, at.Unix(), (at.Unix()-s.last+59)/60)
}

// until makes all flows up to a time in Unix seconds.
func (u *usage) until(t int64) {
	if u == nil {
		return
	}
	for u.now < t {
		u.now++
		slot := &u.slots[u.now%u.every]
		if len(*slot) == 0 {
			continue
		}
		kept := (*slot)[:0]
		had := !u.empty()
		for _, s := range *slot {
			if s.over {
				continue
			}
			kept = append(kept, s)
			u.bill(s, u.now, (u.now-s.last)/60)
		}
		clear((*slot)[len(kept):])
		*slot = kept
		if u.addOn == 0 && u.gift < u.Price && u.balance < u.TopUp/10 {
			u.balance += u.TopUp
		}
		if had && u.empty() {
			u.broke(time.Unix(u.now, 0))
		}
	}
	u.flows.forget(u.now)
}

// bill charges a session for minutes.
func (u *usage) bill(s *session, at, minutes int64) {
	s.last = at
	p := u.phones[s.phone.billed-1]
	switch m := int(minutes); {
	case m <= 0:
	case s.charge == byMonth:
		if u.Rentals {
			u.add(s.phone.billed, usagePhone, chargeRental, at, m, 0)
		}
	case s.charge == byParallel:
		u.add(s.phone.billed, usagePhone, chargeParallels, at, m, 0)
	default:
		if day := (at - 1 - p.zone) / 86_400; p.day != day { // of the last minute paid
			p.day, p.paid = day, 0
		}
		paid := m
		if u.DailyCap > 0 {
			paid = min(m, int((u.DailyCap+u.Price-1)/u.Price)-p.paid)
		}
		u.pay(s.phone.billed, at, paid, p.paid)
		if m > paid {
			u.add(s.phone.billed, usagePhone, chargeCap, at, m-paid, 0)
		}
		b := &u.phones[s.phone.billed-1]
		b.day, b.paid = p.day, p.paid+paid
	}
}

// pay charges minutes to what has them, of a phone that had some before on
// that day. The minute in which the cap is reached costs only what is left to
// it, if it costs money.
func (u *usage) pay(phone int, at int64, minutes, before int) {
	take := func(charge, most int) {
		n := min(minutes, most)
		if n <= 0 {
			return
		}
		minutes -= n
		before += n
		var amount int64
		if charge == chargeGift || charge == chargeBalance {
			amount = int64(n) * u.Price
			if over := int64(before)*u.Price - u.DailyCap; u.DailyCap > 0 && over > 0 {
				amount -= over
			}
		}
		u.add(phone, usagePhone, charge, at, n, amount)
		switch charge {
		case chargeBonus:
			u.bonus -= n
		case chargeAddOn:
			u.addOn -= n
		case chargeGift:
			u.gift -= amount
		case chargeBalance:
			u.balance -= amount
		}
	}
	take(chargeBonus, u.bonus)
	take(chargeAddOn, u.addOn)
	take(chargeGift, int(u.gift/u.Price))
	take(chargeBalance, minutes)
}

// add makes a flow and enters it into the ledger.
func (u *usage) add(phone, kind, charge int, at int64, minutes int, amount int64) {
	sum := &u.phones[phone-1].sums[kind-1][charge]
	sum.Flows++
	sum.Seconds += int64(minutes) * 60
	sum.Micros += amount
	u.flows.add(flow{at: at, amount: int32(amount), phone: int32(phone), minutes: uint16(minutes), kind: uint8(kind), charge: uint8(charge)})
}

// rpa charges a task's minutes, in points.
func (u *usage) rpa(p *phone, at time.Time, minutes int) {
	if u == nil || minutes <= 0 {
		return
	}
	u.enroll(p)
	u.add(p.billed, usageRPA, chargePoints, at.Unix(), minutes, int64(minutes)*micro)
}

// Ledger returns what was charged since the server began, of phones that are
// gone too: the truth that a reader of billing/transaction/detail should
// arrive at. It has flows in it that are not shown yet because they are late,
// and those that the API has forgotten.
func (s *Server) Ledger() map[Charge]Sum {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	ledger := map[Charge]Sum{}
	if s.fleet.usage == nil {
		return ledger
	}
	for _, p := range s.fleet.usage.phones {
		for kind, sums := range p.sums {
			for charge, sum := range sums {
				if sum.Flows > 0 {
					ledger[Charge{p.id, kind + 1, charge}] = sum
				}
			}
		}
	}
	return ledger
}

// money writes micros as a JSON number, exactly.
func money(micros int64) json.Number {
	text := strconv.FormatInt(micros, 10)
	sign := ""
	if micros < 0 {
		sign, text = "-", text[1:]
	}
	text = strings.Repeat("0", max(7-len(text), 0)) + text
	whole, part := text[:len(text)-6], strings.TrimRight(text[len(text)-6:], "0")
	if part != "" {
		part = "." + part
	}
	return json.Number(sign + whole + part)
}
