package geelark

import (
	"context"
	"errors"
	"time"
)

// A Wallet is an account's money (document "Balance Inquiry" of the [API
// reference]), in the vendor's currency. What an answer leaves out, or has of
// another kind than the documented one, has no value.
//
// The vendor takes what a phone costs from the time add-ons first, then from the
// gift money, then from the balance.
//
// [API reference]: https://doc.geelark.com/web/#/602813392
type Wallet struct {
	Balance     Optional[float64]
	GiftBalance Optional[float64]
	TimeAddOns  Optional[time.Duration] // prepaid time that is left, in whole minutes
}

// Wallet reads the wallet (document "Balance Inquiry" of the [API reference]). An
// answer that tells nothing of it is an error. Its errors are those of
// [Client.PhoneStatus].
//
// [API reference]: https://doc.geelark.com/web/#/602813392
func (c *Client) Wallet(ctx context.Context) (*Wallet, error) {
	var d walletData
	if _, err := c.call(ctx, EndpointWallet, nil, struct{}{}, &d); err != nil {
		return nil, err
	}
	return &d.Wallet, nil
}

type walletData struct{ Wallet }

func (d *walletData) read(r *reader) {
	*d = walletData{}
	r.object(func(name []byte) {
		switch string(name) {
		case "balance":
			d.Balance = r.number()
		case "giftMoney":
			d.GiftBalance = r.number()
		case "availableTimeAddOn":
			d.TimeAddOns = r.minutes()
		}
	})
}

func (d *walletData) accepts(Code) bool { return false }

func (d *walletData) check() error { return tellsSomething(*d == walletData{}) }

// tellsSomething refuses data of which nothing can be read.
func tellsSomething(empty bool) error {
	if empty {
		return errors.New("the answer's data has none of the documented fields")
	}
	return nil
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
// subscription plan information" of the [API reference]). What an answer leaves
// out, or has of another kind than the documented one, has no value.
//
// [API reference]: https://doc.geelark.com/web/#/602813392
type PlanInfo struct {
	Plan                    Optional[Plan]
	Profiles                Optional[int]
	AvailableProfiles       Optional[int]
	MonthlyRentals          Optional[int]
	AvailableMonthlyRentals Optional[int]     // since February 2026
	Parallels               Optional[int]     // phones open at once without extra charge
	ExpirationTime          time.Time         // zero when there is none
	MonthlyFee              Optional[float64] // in the vendor's currency
}

// PlanInfo reads the plan (document "Get the current subscription plan
// information" of the [API reference]), which the vendor allows once a minute.
// An answer that tells nothing of it is an error. Its errors are those of
// [Client.PhoneStatus].
//
// [API reference]: https://doc.geelark.com/web/#/602813392
func (c *Client) PlanInfo(ctx context.Context) (*PlanInfo, error) {
	var d planData
	if _, err := c.call(ctx, EndpointPlanInfo, nil, struct{}{}, &d); err != nil {
		return nil, err
	}
	return &d.PlanInfo, nil
}

type planData struct{ PlanInfo }

func (d *planData) read(r *reader) {
	*d = planData{}
	r.object(func(name []byte) {
		switch string(name) {
		case "plan":
			d.Plan = integer[Plan](r)
		case "profiles":
			d.Profiles = integer[int](r)
		case "availableProfiles":
			d.AvailableProfiles = integer[int](r)
		case "monthlyRental":
			d.MonthlyRentals = integer[int](r)
		case "availableMonthlyRentals":
			d.AvailableMonthlyRentals = integer[int](r)
		case "parallels":
			d.Parallels = integer[int](r)
		case "expirationTime":
			d.ExpirationTime = r.seconds()
		case "monthlyFee":
			d.MonthlyFee = r.number()
		}
	})
}

func (d *planData) accepts(Code) bool { return false }

func (d *planData) check() error { return tellsSomething(*d == planData{}) }
