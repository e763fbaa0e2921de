package geelarktest

import "geelark_exporter/geelark"

// Billing is the account's wallet and plan, as pay/wallet and pay/plan/info
// show them. Money is in the account's currency.
type Billing struct {
	Balance            float64
	GiftMoney          float64
	AvailableTimeAddOn int // minutes

	Plan                    int // 0: Base, 1: Pro
	Profiles                int
	AvailableProfiles       int
	MonthlyRental           int
	AvailableMonthlyRentals int
	Parallels               int
	ExpirationTime          int64 // Unix seconds
	MonthlyFee              float64
}

// newBilling returns figures that suit a fleet as it is now. The wallet
// changes by itself only if the account is billed.
func newBilling(f *fleet) Billing {
	phones, rented := len(f.order), 0
	for _, p := range f.order {
		rented += p.ChargeMode // 1 is monthly
	}
	profiles := max(phones*5/4, 20)
	return Billing{
		Balance:            float64(phones)*6 + 149.77,
		GiftMoney:          12.5,
		AvailableTimeAddOn: phones * 40,

		Plan:                    1,
		Profiles:                profiles,
		AvailableProfiles:       profiles - phones,
		MonthlyRental:           rented + 2,
		AvailableMonthlyRentals: 2,
		Parallels:               f.parallels,
		ExpirationTime:          f.now.AddDate(0, 0, 45).Unix(),
		MonthlyFee:              float64(phones)*3.5 + 19,
	}
}

// Billing returns the wallet and plan figures.
func (s *Server) Billing() Billing {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	b := s.billing
	if u := s.fleet.usage; u != nil {
		b.Balance, b.GiftMoney, b.AvailableTimeAddOn = float64(u.balance)/micro, float64(u.gift)/micro, u.addOn
	}
	return b
}

// SetBilling replaces the wallet and plan figures.
func (s *Server) SetBilling(b Billing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	s.billing = b
	s.fleet.parallels = b.Parallels
	if u := s.fleet.usage; u != nil {
		u.set(b)
		if u.empty() {
			s.fleet.broke(s.fleet.now)
		}
	}
}

// wallet answers pay/wallet ("Balance Inquiry").
func (s *Server) wallet(body []byte, _ Fault) (any, geelark.Code) {
	b, u := s.billing, s.fleet.usage
	answer := struct {
		Balance            any `json:"balance"`
		GiftMoney          any `json:"giftMoney"`
		AvailableTimeAddOn int `json:"availableTimeAddOn"`
	}{b.Balance, b.GiftMoney, b.AvailableTimeAddOn}
	if u != nil {
		answer.Balance, answer.GiftMoney, answer.AvailableTimeAddOn = money(u.balance), money(u.gift), u.addOn
	}
	return answer, decode(body, &struct{}{})
}

// planInfo answers pay/plan/info ("Get the current subscription plan
// information").
func (s *Server) planInfo(body []byte, _ Fault) (any, geelark.Code) {
	b := s.billing
	return struct {
		Plan                    int     `json:"plan"`
		Profiles                int     `json:"profiles"`
		AvailableProfiles       int     `json:"availableProfiles"`
		MonthlyRental           int     `json:"monthlyRental"`
		AvailableMonthlyRentals int     `json:"availableMonthlyRentals"`
		Parallels               int     `json:"parallels"`
		ExpirationTime          int64   `json:"expirationTime"`
		MonthlyFee              float64 `json:"monthlyFee"`
	}{
		b.Plan, b.Profiles, b.AvailableProfiles, b.MonthlyRental, b.AvailableMonthlyRentals,
		b.Parallels, b.ExpirationTime, b.MonthlyFee,
	}, decode(body, &struct{}{})
}
