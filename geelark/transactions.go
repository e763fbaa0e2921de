package geelark

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxFlows is the most flows on one page of [Client.Transactions].
const MaxFlows = 1000

// FlowMemory is how long the vendor tells of a flow: the last three days
// (document "Query billing transaction detail").
const FlowMemory = 72 * time.Hour

// A FlowKind is what was used.
type FlowKind int

// The documented kinds.
const (
	FlowPhone FlowKind = 1
	FlowRPA   FlowKind = 2
)

// String returns the kind in the words of metric labels: "phone", "rpa", and
// "unknown" for any other.
func (k FlowKind) String() string {
	switch k {
	case FlowPhone:
		return "phone"
	case FlowRPA:
		return "rpa"
	}
	return "unknown"
}

// A ChargeType is what a flow was paid with, or what it was charged for.
type ChargeType int

// The documented charge types.
const (
	ChargePoints        ChargeType = 1
	ChargeBalance       ChargeType = 2
	ChargeBonus         ChargeType = 3
	ChargeTimeAddOn     ChargeType = 4
	ChargeBonusMinutes  ChargeType = 5
	ChargeMonthlyRental ChargeType = 6
	ChargeParallels     ChargeType = 7
	ChargeDailyCap      ChargeType = 8 // the phone's daily cap is reached: the rest of the day is free
)

// String returns the type in the words of metric labels: "points", "balance",
// "bonus", "time_addon", "bonus_minutes", "monthly_rental", "parallels",
// "daily_cap", and "unknown" for any other.
func (t ChargeType) String() string {
	switch t {
	case ChargePoints:
		return "points"
	case ChargeBalance:
		return "balance"
	case ChargeBonus:
		return "bonus"
	case ChargeTimeAddOn:
		return "time_addon"
	case ChargeBonusMinutes:
		return "bonus_minutes"
	case ChargeMonthlyRental:
		return "monthly_rental"
	case ChargeParallels:
		return "parallels"
	case ChargeDailyCap:
		return "daily_cap"
	}
	return "unknown"
}

// An Amount is an amount of money in billionths of the vendor's currency: the
// decimal fractions of a bill add up exactly.
type Amount int64

// Float returns the amount in the vendor's currency.
func (a Amount) Float() float64 { return float64(a) / 1e9 }

// decimal reads a decimal number times 10^9, rounded towards zero. The bounds are
// those of int64.
func decimal(s string) (int64, bool) {
	mantissa, power, scientific := strings.Cut(strings.ToLower(s), "e")
	if !scientific {
		power = "0"
	}
	exponent, err := strconv.Atoi(power)
	whole, fraction, _ := strings.Cut(mantissa, ".")
	whole, negative := strings.CutPrefix(whole, "-")
	if err != nil || exponent < -100 || exponent > 100 || whole == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, false
	}
	exponent += 9 - len(fraction)
	digits := "0" + whole + fraction + strings.Repeat("0", max(0, exponent))
	digits = digits[:max(1, len(digits)+min(0, exponent))]
	n, err := strconv.ParseInt(digits, 10, 64)
	if negative {
		n = -n
	}
	return n, err == nil
}

// parseAmount reads an amount of money.
func parseAmount(v jsontext.Value) (Amount, bool) {
	n, ok := decimal(digits(v))
	return Amount(n), ok
}

// parseUsed reads a time in minutes, which may have a fraction.
func parseUsed(v jsontext.Value) (time.Duration, bool) {
	n, ok := decimal(digits(v))
	return time.Duration(n) * 60, ok && n >= 0 && n <= math.MaxInt64/60
}

// A Flow is one entry of an account's bill (document "Query billing transaction detail").
type Flow struct {
	ID      string
	PhoneID string
	Kind    FlowKind
	Charge  ChargeType
	Amount  Amount
	Used    time.Duration // the vendor tells minutes
	Created time.Time     // whole seconds; an entry can appear later than this
}

// A FlowQuery selects flows. Zero fields do not select.
type FlowQuery struct {
	PhoneID    string
	Start, End time.Time // of creation, in whole seconds, within the last [FlowMemory]
	Limit      int       // 1 to [MaxFlows], 0 for the vendor's default
	After      string    // the Last of the page before
}

// A FlowPage is one page of flows. Their order is not documented, and a flow can
// stand on two pages.
type FlowPage struct {
	Total   int // flows that the query selects, on all pages
	Last    string
	Flows   []Flow
	Skipped int // entries that were left out for want of a legible id, time or sum
	// Oddities are fields of other kinds than the documented ones, at most 100.
	Oddities []Oddity
}

type flowParams struct {
	PhoneID string `json:"id,omitempty"`
	Start   int64  `json:"startAt,omitempty"`
	End     int64  `json:"endAt,omitempty"`
	Limit   int    `json:"limit,omitempty"`
	After   string `json:"lastFlowId,omitempty"`
}

type flowData struct {
	FlowPage
	total  Optional[int]
	noList bool
}

func (d *flowData) read(r *reader) {
	*d = flowData{}
	r.object(func(name []byte) {
		switch string(name) {
		case "total":
			d.total = integer[int](r)
		case "lastFlowId":
			d.Last = r.id()
		case "list":
			d.Flows, d.Skipped, d.Oddities = nil, 0, nil
			isNull := r.isNull()
			d.noList = !r.list(func() { d.readFlow(r) }) && !isNull
		}
	})
	d.Total, _ = d.total.Get()
}

// readFlow takes a flow. One whose sum cannot be read must not count as nothing.
func (d *flowData) readFlow(r *reader) {
	var f Flow
	var amount Optional[Amount]
	var used Optional[time.Duration]
	usedTold := false
	mark := r.mark()
	r.object(func(name []byte) {
		switch string(name) {
		case "id":
			f.ID = r.id()
		case "envId":
			f.PhoneID = r.id()
		case "type":
			f.Kind = integer[FlowKind](r).Or(0)
		case "chargeType":
			f.Charge = integer[ChargeType](r).Or(0)
		case "amount":
			amount = scalar(r, parseAmount)
		case "usedTime":
			usedTold = !r.isNull()
			used = scalar(r, parseUsed)
		case "createdTime":
			f.Created = r.seconds()
		}
	})
	d.Oddities = appendOddities(d.Oddities, f.ID, r.oddSince(mark))
	f.Amount, _ = amount.Get()
	f.Used, _ = used.Get()
	if f.ID == "" || f.Created.IsZero() || !amount.Known() || usedTold && !used.Known() {
		d.Skipped++
		return
	}
	d.Flows = append(d.Flows, f)
}

func (d *flowData) accepts(Code) bool { return false }

func (d *flowData) check() error {
	switch total, ok := d.total.Get(); {
	case !ok || total < 0:
		return errors.New("the answer has no total that can be read")
	case d.noList:
		return errors.New("the answer's list is no list")
	}
	return nil
}

// Transactions returns one page of what an account used and paid for (document
// "Query transaction details" of the [API reference]). Neither the order nor
// whether entries can appear later than they were created is documented. An entry
// that cannot be read is skipped. Its errors are those of [Client.PhoneStatus].
//
// [API reference]: https://doc.geelark.com/web/#/602813392
func (c *Client) Transactions(ctx context.Context, q FlowQuery) (*FlowPage, error) {
	if q.Limit < 0 || q.Limit > MaxFlows {
		return nil, fmt.Errorf("%s: takes pages of at most %d entries, not %d", EndpointTransactions, MaxFlows, q.Limit)
	}
	params := flowParams{PhoneID: q.PhoneID, Limit: q.Limit, After: q.After}
	if !q.Start.IsZero() {
		params.Start = q.Start.Unix()
	}
	if !q.End.IsZero() {
		params.End = q.End.Unix()
	}
	var d flowData
	if _, err := c.call(ctx, EndpointTransactions, nil, params, &d); err != nil {
		return nil, err
	}
	return &d.FlowPage, nil
}
