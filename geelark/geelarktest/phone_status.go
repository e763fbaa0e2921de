package geelarktest

import "geelark_exporter/geelark"

// maxStatusIDs is "Query status"'s limit of ids.
const maxStatusIDs = 100

type statusDetail struct {
	ID         string `json:"id"`
	SerialName string `json:"serialName"`
	Status     int    `json:"status"`
}

func showStatus(p *phone) any { return statusDetail{p.ID, p.SerialName, p.Status} }

// phoneStatus answers phone/status ("Query status").
func (s *Server) phoneStatus(body []byte, f Fault) (any, geelark.Code) {
	var request struct {
		IDs []string `json:"ids"`
	}
	if code := decode(body, &request); code != geelark.CodeOK {
		return nil, code
	}
	if n := len(request.IDs); n < 1 || n > maxStatusIDs {
		return nil, geelark.CodeParameter
	}
	exists := func(*phone) geelark.Code { return geelark.CodeOK }
	return s.batch(request.IDs, f, exists, showStatus)
}
