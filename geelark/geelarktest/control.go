package geelarktest

import (
	"slices"
)

// IDs returns the ids of the fleet, in the order in which phone/list shows it.
func (s *Server) IDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, len(s.fleet.order))
	for i, p := range s.fleet.order {
		ids[i] = p.ID
	}
	return ids
}

// Phone returns a copy of a phone as it is now, and whether there is one.
func (s *Server) Phone(id string) (Phone, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	p := s.fleet.phones[id]
	if p == nil {
		return Phone{}, false
	}
	return p.copy(), true
}

// Secrets returns everything that no client may pass on: the token, the API
// key, and all phones' numbers, IMEIs, MACs and proxy servers and
// credentials.
func (s *Server) Secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	secrets := []string{s.credentials.token, s.credentials.apiKey}
	for _, p := range s.fleet.order {
		d := p.device()
		secrets = append(secrets, d.phoneNumber, d.imei, d.wifiBSSID, d.mac, d.bluetoothMAC,
			p.proxy.server, p.proxy.username, p.proxy.password)
	}
	slices.Sort(secrets)
	return slices.DeleteFunc(slices.Compact(secrets), func(secret string) bool { return secret == "" })
}

// SetStatus puts a phone into a status: 0 to 3, or an undocumented one. It
// stays so until phone/start or phone/stop changes it; only a start gives it
// back its own life. An unknown id is ignored.
func (s *Server) SetStatus(id string, status int) {
	s.change(id, func(p *phone) { s.fleet.freeze(p, status) })
}

// Rename changes a phone's serial name. An unknown id is ignored.
func (s *Server) Rename(id, name string) {
	s.Edit(id, func(p *Phone) { p.SerialName = name })
}

// Edit lets edit change a phone; its ID, Status and ProxyID stay as they are.
// A group of a new name comes into being. An unknown id is ignored. The
// function is called with the server's lock held, so it must not call the
// server.
func (s *Server) Edit(id string, edit func(*Phone)) {
	s.change(id, func(p *phone) {
		edited := p.copy()
		edit(&edited)
		edited.ID, edited.Status, edited.ProxyID = p.ID, p.Status, p.ProxyID
		edited.Tags = slices.Clone(edited.Tags)
		recharge := on(p.Status) && edited.ChargeMode != p.ChargeMode
		p.Phone = edited
		if recharge {
			s.fleet.usage.end(p, s.fleet.now)
			s.fleet.off(p)
			s.fleet.charge(p)
			if p.Status == started {
				s.fleet.usage.begin(p, s.fleet.now)
			}
		}
		if _, known := s.fleet.groups[p.Group]; !known {
			s.fleet.groups[p.Group] = group{decimal(s.fleet.number()), p.Group, ""}
		}
		if p.living {
			s.fleet.schedule(p, p.due) // its month may end at another time now
		}
	})
}

func (s *Server) change(id string, change func(*phone)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	if p := s.fleet.phones[id]; p != nil {
		change(p)
	}
}

// Add makes n new phones, shut down, at the end of the list, and returns
// their ids.
func (s *Server) Add(n int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	var ids []string
	for range n {
		ids = append(ids, s.fleet.add(shutDown).ID)
	}
	return ids
}

// Remove deletes phones. Unknown ids are ignored.
func (s *Server) Remove(ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	for _, id := range ids {
		if p := s.fleet.phones[id]; p != nil {
			s.fleet.unschedule(p)
			s.fleet.usage.end(p, s.fleet.now)
			s.fleet.off(p)
			delete(s.fleet.phones, id)
		}
	}
	s.fleet.order = slices.DeleteFunc(s.fleet.order, func(p *phone) bool { return s.fleet.phones[p.ID] == nil })
}

// Shuffle puts the list into another order, which the seed decides.
func (s *Server) Shuffle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	order := s.fleet.order
	s.traces.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
}

// Move puts a phone at another place in the list, counted from 0 and brought
// within the list if it is not. An unknown id is ignored.
func (s *Server) Move(id string, to int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, from := s.fleet.find(id)
	if p == nil {
		return
	}
	order := slices.Delete(s.fleet.order, from, from+1)
	s.fleet.order = slices.Insert(order, min(max(to, 0), len(order)), p)
}
