package geelark

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// A Wallet is an account's money (document "Balance Inquiry"), in the vendor's
// currency.
type Wallet struct {
	Balance     float64
	GiftBalance float64
	TimeAddOns  int // time add-ons that are left
}

// Wallet reads the wallet. Its errors are those of [Client.PhoneStatus].
func (c *Client) Wallet(ctx context.Context) (*Wallet, error) {
	var d struct {
		Balance            *float64 `json:"balance"`
		GiftMoney          float64  `json:"giftMoney"`
		AvailableTimeAddOn looseInt `json:"availableTimeAddOn"`
	}
	if _, err := c.call(ctx, EndpointWallet, nil, struct{}{}, required(&d, func() bool { return d.Balance != nil })); err != nil {
		return nil, err
	}
	return &Wallet{Balance: *d.Balance, GiftBalance: d.GiftMoney, TimeAddOns: d.AvailableTimeAddOn.or(0)}, nil
}

// A Plan is an account's subscription plan.
type Plan int

// The documented plans.
const (
	PlanBase Plan = 0
	PlanPro  Plan = 1
)

// String returns the plan in the words of metric labels: "base", "pro", and
// "unknown" for any other.
func (p Plan) String() string {
	switch p {
	case PlanBase:
		return "base"
	case PlanPro:
		return "pro"
	}
	return "unknown"
}

// PlanInfo is an account's plan and its quotas (document "Get the current
// subscription plan information").
type PlanInfo struct {
	Plan                    Plan
	Profiles                int
	AvailableProfiles       int
	MonthlyRentals          int
	AvailableMonthlyRentals int
	Parallels               int       // phones open at once without extra charge
	ExpirationTime          time.Time // zero when there is none
	MonthlyFee              float64   // in the vendor's currency
}

// PlanInfo reads the plan. Its errors are those of [Client.PhoneStatus].
func (c *Client) PlanInfo(ctx context.Context) (*PlanInfo, error) {
	var d struct {
		Plan                    *flexInt `json:"plan"`
		Profiles                *flexInt `json:"profiles"`
		AvailableProfiles       *flexInt `json:"availableProfiles"`
		MonthlyRental           looseInt `json:"monthlyRental"`
		AvailableMonthlyRentals looseInt `json:"availableMonthlyRentals"`
		Parallels               looseInt `json:"parallels"`
		ExpirationTime          looseInt `json:"expirationTime"`
		MonthlyFee              float64  `json:"monthlyFee"`
	}
	if _, err := c.call(ctx, EndpointPlanInfo, nil, struct{}{}, required(&d, func() bool {
		return d.Plan != nil && d.Profiles != nil && d.AvailableProfiles != nil
	})); err != nil {
		return nil, err
	}
	return &PlanInfo{
		Plan:     Plan(*d.Plan),
		Profiles: int(*d.Profiles), AvailableProfiles: int(*d.AvailableProfiles),
		MonthlyRentals: d.MonthlyRental.or(0), AvailableMonthlyRentals: d.AvailableMonthlyRentals.or(0),
		Parallels: d.Parallels.or(0), ExpirationTime: d.ExpirationTime.time(), MonthlyFee: d.MonthlyFee,
	}, nil
}

// required decodes into v and refuses data that complete does not find in it:
// what an answer leaves out must not read as zero.
func required(v any, complete func() bool) json.Unmarshaler { return &requiredData{v, complete} }

type requiredData struct {
	v        any
	complete func() bool
}

func (r *requiredData) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, r.v); err != nil {
		return err
	}
	if !r.complete() {
		return errors.New("a field is missing")
	}
	return nil
}
