package statuspage

import (
	"fmt"
	"strings"

	"geelark_exporter/geelark"
)

// Balance is what is left in the wallet, in the order in which it is spent.
func (a account) Balance() string {
	if a.Wallet == nil {
		return ""
	}
	var parts []string
	if left := a.Wallet.TimeAddOns.Or(0); left > 0 {
		parts = append(parts, span(left)+" of add-ons")
	}
	if gift := a.Wallet.GiftBalance.Or(0); gift > 0 {
		parts = append(parts, fmt.Sprintf("%.2f of gift money", gift))
	}
	if balance, known := a.Wallet.Balance.Get(); known {
		parts = append(parts, fmt.Sprintf("%.2f of balance", balance))
	}
	return strings.Join(parts, ", then ")
}

// Profiles is the account's plan with what is left of it.
func (a account) Profiles() string {
	if a.Plan == nil {
		return ""
	}
	s := a.Plan.Plan.Or(-1).String()
	free, known := a.Plan.AvailableProfiles.Get()
	if all, ok := a.Plan.Profiles.Get(); known && ok {
		s += fmt.Sprintf(", %s of %s free", count(free), plural(all, "profile"))
	}
	return s
}

// Ends says whether the plan ends or ended.
func (a account) Ends() string {
	if a.Plan.ExpirationTime.After(a.status.At) {
		return "ends"
	}
	return "ended"
}

// BalanceUnread and PlanUnread tell since when they could not be read any more.
func (a account) BalanceUnread() string { return a.unread(geelark.EndpointWallet, a.WalletAt) }

// PlanUnread is like BalanceUnread.
func (a account) PlanUnread() string { return a.unread(geelark.EndpointPlanInfo, a.PlanAt) }
