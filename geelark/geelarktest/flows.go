package geelarktest

import (
	"encoding/json"
	"sort"
	"strconv"

	"geelark_exporter/geelark"
)

// The limits of "Query billing transaction detail".
const (
	defaultFlows = 100
	maxFlows     = 1000
	flowsFor     = 3 * 24 * 3600 // seconds after which a flow is forgotten
)

// A flow is one charge, in 24 bytes: a large fleet makes millions in three
// days.
type flow struct {
	at           int64 // Unix seconds
	amount       int32 // micros
	phone        int32 // of usage.phones, from 1
	minutes      uint16
	kind, charge uint8
}

// flows are those of the last three days, in the order of their times.
type flows struct {
	list      []flow
	past      int    // of list, forgotten
	forgotten uint64 // that were ever and are no longer in list
}

func (f *flows) add(made flow) { f.list = append(f.list, made) }

// forget drops what is older than the API shows.
func (f *flows) forget(now int64) {
	for f.past < len(f.list) && f.list[f.past].at < now-flowsFor {
		f.past++
	}
	if f.past > 1024 && f.past > len(f.list)/2 {
		f.forgotten += uint64(f.past)
		f.list = append(f.list[:0], f.list[f.past:]...)
		f.past = 0
	}
}

func (f *flows) of(n uint64) flow { return f.list[n-f.forgotten] }

// since returns the number of the first flow at a time or later.
func (f *flows) since(at int64) uint64 {
	return f.forgotten + uint64(f.past+sort.Search(len(f.list)-f.past, func(i int) bool { return f.list[f.past+i].at >= at }))
}

type flowItem struct {
	ID          string      `json:"id"`
	EnvID       string      `json:"envId"`
	Amount      json.Number `json:"amount"`
	UsedTime    int         `json:"usedTime"`
	Type        int         `json:"type"`
	ChargeType  int         `json:"chargeType"`
	CreatedTime int64       `json:"createdTime"`
}

type flowList struct {
	Total      int        `json:"total"`
	Page       int        `json:"page"`
	PageSize   int        `json:"pageSize"`
	List       []flowItem `json:"list"`
	LastFlowID string     `json:"lastFlowId"`
}

// transactions answers billing/transaction/detail ("Query billing transaction
// detail"). Times before the last three days are not refused, as nothing says
// so, but nothing is found there. Without entries there is no last id.
func (s *Server) transactions(body []byte, _ Fault) (any, geelark.Code) {
	var request struct {
		ID         string `json:"id"`
		StartAt    *int64 `json:"startAt"`
		EndAt      *int64 `json:"endAt"`
		Limit      *int   `json:"limit"`
		LastFlowID string `json:"lastFlowId"`
	}
	if code := decode(body, &request); code != geelark.CodeOK {
		return nil, code
	}
	limit := defaultFlows
	if request.Limit != nil {
		limit = *request.Limit
	}
	if limit < 1 || limit > maxFlows {
		return nil, geelark.CodeParameter
	}
	answer := flowList{Page: 1, PageSize: limit, List: []flowItem{}}
	u := s.fleet.usage
	if u == nil {
		return answer, geelark.CodeOK
	}

	now, f, g := u.now, &u.flows, s.listings["billing/transaction/detail"]
	e := entries{first: f.forgotten + uint64(f.past), next: f.since(now + 1)}
	ever := e.next
	if request.StartAt != nil {
		e.first = max(e.first, f.since(*request.StartAt))
	}
	if request.EndAt != nil {
		end := *request.EndAt
		if !g.OpenEnd {
			end++
		}
		e.next = max(min(e.next, f.since(end)), e.first)
	}
	e.sure = f.since(now - int64(g.Late.Seconds()))
	if g.Late == 0 {
		e.sure = e.next
	}
	if request.ID != "" {
		e.sure = e.first
	}
	e.shown = func(n uint64) bool {
		flow := f.of(n)
		return flow.at+g.late(n) <= now && (request.ID == "" || u.phones[flow.phone-1].id == request.ID)
	}
	var after *uint64
	if request.LastFlowID != "" {
		n, code := entryOf(request.LastFlowID, ever)
		if code != geelark.CodeOK {
			return nil, code
		}
		after = &n
	}
	page, total := g.page(e, after, limit)
	answer.Total = total
	for _, n := range page {
		flow := f.of(n)
		answer.LastFlowID = entryID(n)
		answer.List = append(answer.List, flowItem{
			ID:          answer.LastFlowID,
			EnvID:       u.phones[flow.phone-1].id,
			Amount:      money(int64(flow.amount)),
			UsedTime:    int(flow.minutes),
			Type:        int(flow.kind),
			ChargeType:  int(flow.charge),
			CreatedTime: flow.at,
		})
	}
	return answer, geelark.CodeOK
}

func number(id string) (uint64, bool) {
	n, err := strconv.ParseUint(id, 10, 64)
	return n, err == nil
}
