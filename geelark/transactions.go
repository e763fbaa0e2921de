package geelark

import "time"

// MaxFlows is the most flows on one page of [Client.Transactions].
const MaxFlows = 1000

// FlowMemory is how long the vendor tells of a flow: the last three days
// (document "Query transaction details").
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

// A Flow is one entry of an account's bill (document "Query transaction details").
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
	Skipped int // entries that were left out for want of a legible id or time
}
