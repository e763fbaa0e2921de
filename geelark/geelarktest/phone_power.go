package geelarktest

import "geelark_exporter/geelark"

// maxPowerIDs is the vendor's command-line client's limit of ids for start
// and stop; the documents of both give none.
const maxPowerIDs = 200

type startDetail struct {
	ID             string `json:"id"`
	URL            string `json:"url"`
	ChargingMethod string `json:"chargingMethod"`
}

// Codes of failed starts that no caller of the client acts on ("Start cloud
// phone", "Cloud Phone Error Codes").
const (
	codeDailyStarts      geelark.Code = 43008 // no more starts until the day of UTC ends
	codeUnavailable      geelark.Code = 43020 // not now, perhaps later
	codeProxyUnavailable geelark.Code = 45002
)

// mayStart counts a start of the API's caller against the daily number of the
// account's plan.
func (s *Server) mayStart() bool {
	if day := s.fleet.now.Unix() / 86_400; day != s.startDay {
		s.startDay, s.starts = day, 0
	}
	s.starts++
	return s.starts <= plans[min(max(s.billing.Plan, 0), 1)].OpenEnvNumOneDay
}

// phoneStart answers phone/start ("Start cloud phone"). Starting a phone that
// is on already succeeds and changes nothing; one that is still shutting down
// is refused. No document says so of either.
func (s *Server) phoneStart(body []byte, f Fault) (any, geelark.Code) {
	var request struct {
		IDs              []string `json:"ids"`
		Width            *int     `json:"width"`
		Center           *int     `json:"center"`
		EnergySavingMode *int     `json:"energySavingMode"`
	}
	if code := decode(body, &request); code != geelark.CodeOK {
		return nil, code
	}
	if n := len(request.IDs); n < 1 || n > maxPowerIDs ||
		outside(request.Width, 200, 600) || outside(request.Center, 0, 1) || outside(request.EnergySavingMode, 0, 1) {
		return nil, geelark.CodeParameter
	}
	start := func(p *phone) geelark.Code {
		code := s.fleet.startable(p)
		switch {
		case code != geelark.CodeOK || on(p.Status):
			return code
		case !s.mayStart():
			return codeDailyStarts
		}
		p.living = !s.still
		s.fleet.enter(p, starting, s.fleet.now)
		return geelark.CodeOK
	}
	show := func(p *phone) any {
		return startDetail{p.ID, "https://phone.invalid/" + p.ID, chargingMethods[p.charge]}
	}
	return s.batch(request.IDs, f, start, show)
}

// phoneStop answers phone/stop ("Stop cloud phone"). It is answered at once,
// and the phone goes on reporting that it is started for some seconds, as
// users of the API have seen; so do the details, as in the document's sample.
// Stopping a phone that is off succeeds and changes nothing, and an expired
// one stays expired; no document says otherwise.
func (s *Server) phoneStop(body []byte, f Fault) (any, geelark.Code) {
	var request struct {
		IDs []string `json:"ids"`
	}
	if code := decode(body, &request); code != geelark.CodeOK {
		return nil, code
	}
	if n := len(request.IDs); n < 1 || n > maxPowerIDs {
		return nil, geelark.CodeParameter
	}
	stop := func(p *phone) geelark.Code {
		switch {
		case p.RPAStatus == 1:
			return geelark.CodePhoneBusy
		case p.Status != shutDown && p.Status != expired && !p.stopping:
			s.fleet.stop(p)
		}
		return geelark.CodeOK
	}
	return s.batch(request.IDs, f, stop, showStatus)
}

func outside(n *int, low, high int) bool { return n != nil && (*n < low || *n > high) }
