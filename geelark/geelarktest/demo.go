package geelarktest

import (
	"net"
	"net/http"
	"time"
)

// A Demo is a simulated account that is served over HTTP, for people who want
// to see a client at work without an account of their own.
type Demo struct {
	URL           string // the base URL to give to a client
	Token         string
	AppID, APIKey string

	server *http.Server
}

// StartDemo serves a demo's account with so many phones at a TCP address like
// "127.0.0.1:0". The same seed gives the same fleet. An error is that of
// [net.Listen]. The demo must be closed.
func StartDemo(address string, phones int, seed uint64) (*Demo, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	d := &Demo{
		URL: "http://" + listener.Addr().String(), Token: demoToken, AppID: demoAppID, APIKey: demoAPIKey,
		server: &http.Server{Handler: NewDemo(phones, seed, time.Now), ReadHeaderTimeout: 10 * time.Second},
	}
	go func() { _ = d.server.Serve(listener) }() // ends by Close
	return d, nil
}

// Close ends the demo and all of its connections.
func (d *Demo) Close() error { return d.server.Close() }

const (
	demoToken  = "demo-token"
	demoAppID  = "demo-app"
	demoAPIKey = "demo-key"
)

// NewDemo returns the account that a demo serves: a healthy fleet with some
// trouble. Phones mostly keep their status, of 250 about three an hour stop
// and three start; one expires within the first hour and a few within days;
// time add-ons last for half an hour, then money is spent, and paid in when it
// runs low; tasks run, and once a day one group's proxies do not answer for an
// hour, first ten minutes after the beginning. Three days lie behind it, less
// behind one of more than 20,000 phones.
func NewDemo(phones int, seed uint64, now func() time.Time) *Server {
	// What is shown of flows and tasks is bounded, however large the fleet is.
	thousands := max((phones+999)/1000, 1)
	s := New(Config{
		Phones: phones, Seed: seed, Now: now, Token: demoToken, AppID: demoAppID, APIKey: demoAPIKey,
		Calm:        true,
		Past:        72 * time.Hour / time.Duration(max(thousands/10, 1)),
		Usage:       Usage{Every: 5 * time.Minute * time.Duration(thousands), Bonus: 60, OwnDays: true, TopUp: int64(max(phones, 50)) * 10 * micro},
		TasksPerDay: 12 / float64(thousands),
	})
	b := s.Billing()
	b.Balance, b.GiftMoney, b.AvailableTimeAddOn = float64(max(phones, 50))*8, 2.5, max(phones, 50)
	s.SetBilling(b)

	var troubles []Trouble
	begin := now().Add(10 * time.Minute)
	for day := range 365 {
		from := begin.AddDate(0, 0, day)
		troubles = append(troubles, Trouble{Group: groups[(day+2)%len(groups)].name, Proxies: true, From: from, Until: from.Add(time.Hour)})
	}
	s.SetTrouble(troubles...)
	return s
}
