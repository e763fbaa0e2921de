package geelarktest

import "time"

// A Trouble is something that goes wrong at the vendor's or at the team's, and
// shows in phones and tasks.
type Trouble struct {
	Group   string // only with phones of this group; empty: with all
	Proxies bool   // proxies do not answer: starts fail with 45002, tasks with the codes of proxies and networks
	Devices bool   // no device is free: starts fail with 47002, and tasks wait
	App     bool   // the app blocks accounts: tasks fail with 20136 or 20137

	From, Until time.Time // when it is; zero: always, or without an end
}

// SetTrouble replaces the troubles that there are.
func (s *Server) SetTrouble(troubles ...Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	s.fleet.trouble = troubles
}

func (f *fleet) troubleOf(p *phone) (all Trouble) {
	for _, t := range f.trouble {
		if (t.Group == "" || t.Group == p.Group) && !f.now.Before(t.From) && (t.Until.IsZero() || f.now.Before(t.Until)) {
			all.Proxies = all.Proxies || t.Proxies
			all.Devices = all.Devices || t.Devices
			all.App = all.App || t.App
		}
	}
	return all
}
