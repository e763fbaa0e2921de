package geelarktest

import (
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	"geelark_exporter/geelark"
)

// Codes of lists that no caller of the client acts on ("Query group", "Query
// tag").
const (
	codeTagNotFound      geelark.Code = 43022
	codeTagNoColor       geelark.Code = 43023
	codeTagNoName        geelark.Code = 43024
	codeGroupNotFound    geelark.Code = 43032
	codeGroupNoName      geelark.Code = 43033
	codeGroupNoRemark    geelark.Code = 43034
	defaultAccountList                = 10
	maxAccountListOfPage              = 100
)

// authStatus answers auth/status. No document shows its data; the vendor's
// command-line client reads the code alone.
func (s *Server) authStatus(body []byte, _ Fault) (any, geelark.Code) {
	return nil, decode(body, &struct{}{})
}

// An accountList is the data of group/list, tag/list and proxy/list.
type accountList[T any] struct {
	Total       int         `json:"total"`
	Page        int         `json:"page"`
	PageSize    int         `json:"pageSize"`
	List        []T         `json:"list"`
	FailDetails []notListed `json:"failDetails,omitempty"`
}

// A notListed is a value that was asked for and that nothing has.
type notListed struct {
	Code  int    `json:"code"`
	Type  int    `json:"type"` // 1: id, 2: name, 3: the third thing to ask for
	Param string `json:"param"`
	Msg   string `json:"msg"`
}

// A question is a filter of a list: what is asked for, what an item says to
// it, and the code for what nothing has.
type question[T any] struct {
	asked  []string
	answer func(T) string
	code   geelark.Code
}

// paged holds the parameters of paging, which are documented as required and
// were seen to be optional.
type paged struct {
	Page     *int `json:"page"`
	PageSize *int `json:"pageSize"`
}

// listed selects the items that give each question one of its answers, and
// cuts out the page. Items come in the order given.
func listed[T any](all []T, p paged, questions ...question[T]) (any, geelark.Code) {
	page, size := 1, defaultAccountList
	if p.Page != nil {
		page = *p.Page
	}
	if p.PageSize != nil {
		size = *p.PageSize
	}
	if page < 1 || size < 1 || size > maxAccountListOfPage {
		return nil, geelark.CodePage
	}
	answer := accountList[T]{Page: page, PageSize: size, List: []T{}}
	for i, q := range questions {
		for _, asked := range q.asked {
			if !slices.ContainsFunc(all, func(item T) bool { return q.answer(item) == asked }) {
				answer.FailDetails = append(answer.FailDetails, notListed{int(q.code), i + 1, asked, messages.of(q.code)})
			}
		}
	}
	matching := slices.DeleteFunc(slices.Clone(all), func(item T) bool {
		for _, q := range questions {
			if len(q.asked) > 0 && !slices.Contains(q.asked, q.answer(item)) {
				return true
			}
		}
		return false
	})
	answer.Total = len(matching)
	first := min(min(page-1, answer.Total)*size, answer.Total)
	answer.List = append(answer.List, matching[first:min(first+size, answer.Total)]...)
	return answer, geelark.CodeOK
}

// groupList answers group/list ("Query group"), by name.
func (s *Server) groupList(body []byte, _ Fault) (any, geelark.Code) {
	var request struct {
		paged
		IDs     []string `json:"ids"`
		Names   []string `json:"names"`
		Remarks []string `json:"remarks"`
	}
	if code := decode(body, &request); code != geelark.CodeOK {
		return nil, code
	}
	all := []listGroup{}
	for _, name := range slices.Sorted(maps.Keys(s.fleet.groups)) {
		all = append(all, listGroup(s.fleet.groups[name]))
	}
	return listed(all, request.paged,
		question[listGroup]{request.IDs, func(g listGroup) string { return g.ID }, codeGroupNotFound},
		question[listGroup]{request.Names, func(g listGroup) string { return g.Name }, codeGroupNoName},
		question[listGroup]{request.Remarks, func(g listGroup) string { return g.Remark }, codeGroupNoRemark},
	)
}

type tag struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Color string `json:"color"`
}

// tagColors are the documented ones.
var tagColors = []string{"white", "red", "blue", "green", "yellow", "purple"}

// tagList answers tag/list ("Query tag"), by name: the tags that every
// account here begins with and those that phones have.
func (s *Server) tagList(body []byte, _ Fault) (any, geelark.Code) {
	var request struct {
		paged
		IDs    []string `json:"ids"`
		Names  []string `json:"names"`
		Colors []string `json:"colors"`
	}
	if code := decode(body, &request); code != geelark.CodeOK {
		return nil, code
	}
	names := slices.Clone(tags)
	for _, p := range s.fleet.order {
		names = append(names, p.Tags...)
	}
	slices.Sort(names)
	all := []tag{}
	for _, name := range slices.Compact(names) {
		h := fnv.New64a()
		_, _ = h.Write([]byte(name))
		n := h.Sum64()
		all = append(all, tag{decimal(500_000_000_000_000_000 + n%200_000_000_000_000_000), name, tagColors[n%uint64(len(tagColors))]})
	}
	return listed(all, request.paged,
		question[tag]{request.IDs, func(t tag) string { return t.ID }, codeTagNotFound},
		question[tag]{request.Names, func(t tag) string { return t.Name }, codeTagNoName},
		question[tag]{request.Colors, func(t tag) string { return t.Color }, codeTagNoColor},
	)
}

type listedProxy struct {
	ID       string `json:"id"`
	SerialNo int    `json:"serialNo"`
	Scheme   string `json:"scheme"`
	Server   string `json:"server"`
	Port     int    `json:"port"`
	Username string `json:"username"`
	Password string `json:"password"`
}

// proxyList answers proxy/list ("Get all proxies"). Ids that are none are
// left out, as its document knows no failures.
func (s *Server) proxyList(body []byte, _ Fault) (any, geelark.Code) {
	var request struct {
		paged
		IDs []string `json:"ids"`
	}
	if code := decode(body, &request); code != geelark.CodeOK {
		return nil, code
	}
	all := []listedProxy{}
	for i, p := range s.fleet.proxies {
		all = append(all, listedProxy{p.id, i + 1, p.kind, p.server, p.port, p.username, p.password})
	}
	asked := slices.DeleteFunc(slices.Clone(request.IDs), func(id string) bool {
		return !slices.ContainsFunc(all, func(p listedProxy) bool { return p.ID == id })
	})
	if len(request.IDs) > 0 && len(asked) == 0 {
		all = nil
	}
	return listed(all, request.paged, question[listedProxy]{asked, func(p listedProxy) string { return p.ID }, 0})
}

// A plan is one on offer. Prices and figures of the first two are those of
// the document's sample; openEnvNumOneDay is how often an account may start
// phones in a day of UTC.
type plan struct {
	ID                 string  `json:"id"`
	Price              float64 `json:"price"`
	Level              int     `json:"level"`
	EnvNum             int     `json:"envNum"`
	FreeTime           int     `json:"freeTime"`
	OpenEnvNumOneDay   int     `json:"openEnvNumOneDay"`
	CreateEnvNumOneDay int     `json:"createEnvNumOneDay"`
}

var plans = []plan{
	{"497540679501610041", 5, 0, 5, 60, 1000, 25},
	{"512719311391949751", 19, 1, 20, 60, 10_000, 200},
	{"512719311391949817", 599, 1, 1000, 60, 50_000, 2000},
}

// planList answers pay/profiles/list ("Get plan list"), whose data is the
// list itself.
func (s *Server) planList(body []byte, _ Fault) (any, geelark.Code) {
	return plans, decode(body, &struct{}{})
}

// api returns the API that a path asks for, and whether the path is its
// documented one. A client that was given the base URL with /open/v1 where
// it adds that itself, or without where it does not, is answered too, but
// recorded by the path that it sent.
func api(path string) (name string, documented bool) {
	name = path
	for strings.HasPrefix(name, prefix) {
		name = name[len(prefix)-1:]
	}
	name = strings.TrimPrefix(name, "/")
	return name, path == prefix+name
}
