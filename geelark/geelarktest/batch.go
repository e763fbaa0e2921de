package geelarktest

import (
	"slices"

	"geelark_exporter/geelark"
)

// A batch is the data of phone/status, phone/start and phone/stop.
type batch struct {
	TotalAmount    int       `json:"totalAmount"`
	SuccessAmount  int       `json:"successAmount"`
	FailAmount     int       `json:"failAmount"`
	SuccessDetails []any     `json:"successDetails"`
	FailDetails    []failure `json:"failDetails"`
}

type failure struct {
	Code int    `json:"code"`
	ID   string `json:"id"`
	Msg  string `json:"msg"`
}

// batch acts on each phone of a request, in its order and as often as it
// stands there, and shows those on which that succeeded. The envelope's code
// is 0 even when phones fail, as in the samples of all three documents, unless
// the configuration wants the codes of batches.
func (s *Server) batch(ids []string, f Fault, act func(*phone) geelark.Code, show func(*phone) any) (any, geelark.Code) {
	b := batch{TotalAmount: len(ids), SuccessDetails: []any{}, FailDetails: []failure{}}
	for _, id := range ids {
		if slices.Contains(f.OmitIDs, id) {
			continue
		}
		p, code := s.fleet.phones[id], f.FailIDs[id]
		if code == geelark.CodeOK {
			code = geelark.CodePhoneNotFound
			if p != nil {
				code = act(p)
			}
		}
		if code == geelark.CodeOK {
			b.SuccessDetails = append(b.SuccessDetails, show(p))
		} else {
			b.FailDetails = append(b.FailDetails, failure{int(code), id, messages.of(code)})
		}
	}
	b.SuccessAmount, b.FailAmount = len(b.SuccessDetails), len(b.FailDetails)
	switch {
	case !s.batchCodes || b.FailAmount == 0:
		return b, geelark.CodeOK
	case b.SuccessAmount == 0:
		return b, geelark.CodeBatchFailed
	}
	return b, geelark.CodePartial
}
