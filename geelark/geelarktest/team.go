package geelarktest

import "time"

// A Team is the account's other automation: it spends from the same limits
// as the client that is tested, in bursts.
type Team struct {
	Burst int           // requests of a burst; below 1 there is no team
	Every time.Duration // from the beginning of a burst to that of the next, above 0
	Over  time.Duration // how long a burst takes, its requests evenly spread; 0: all at once
}

// A team is one at work.
type team struct {
	Team
	start time.Time
	sent  int
}

// SetTeam has a team begin with a burst to an endpoint now, in place of the
// one that was there. Its requests come at their times whoever looks when;
// they spend the limits, are refused as any other, and count neither in
// Requests nor in MostIn.
func (s *Server) SetTeam(endpoint string, t Team) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if handlers[endpoint] == nil {
		return
	}
	s.teamsUntil(endpoint, now)
	delete(s.teams, endpoint)
	if t.Burst > 0 && t.Every > 0 {
		s.teams[endpoint] = &team{Team: t, start: now}
	}
}

// teamsUntil sends what an endpoint's team has sent up to a time.
func (s *Server) teamsUntil(endpoint string, now time.Time) {
	t := s.teams[endpoint]
	for t != nil {
		burst, i := t.sent/t.Burst, t.sent%t.Burst
		at := t.start.Add(time.Duration(burst)*t.Every + time.Duration(i)*t.Over/time.Duration(t.Burst))
		if at.After(now) {
			return
		}
		t.sent++
		_ = s.take(endpoint, at, true) // a team goes on, whatever it is told
	}
}
