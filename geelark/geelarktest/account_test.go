package geelarktest_test

import (
	"encoding/json"
	"testing"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

type named struct {
	Total, Page, PageSize int

	List []struct {
		ID, Name, Remark, Color string
		Scheme, Server          string
		SerialNo, Port          int
	}
	FailDetails []struct {
		Code, Type int
		Param      string
	}
}

func (n named) names() []string {
	names := []string{}
	for _, item := range n.List {
		names = append(names, item.Name)
	}
	return names
}

func TestTheTokenCanBeChecked(t *testing.T) {
	s, _ := still(1)
	a := call(t, s, "auth/status", "{}")
	equal(t, "code", a.Code, geelark.CodeOK)
	equal(t, "data", a.Data, nil)
	s.SetCredentials("another", "", "")
	equal(t, "code after a rotation", call(t, s, "auth/status", "{}").Code, geelark.CodeSignature)
}

func TestGroupsAreListed(t *testing.T) {
	s, _ := still(20)
	s.Edit(s.IDs()[0], func(p *geelarktest.Phone) { p.Group = "spring" })
	all := get[named](t, s, "group/list", params{"page": 1, "pageSize": 10})
	equal(t, "totals", []int{all.Total, all.Page, all.PageSize, len(all.FailDetails)}, []int{6, 1, 10, 0})
	equal(t, "names", all.names(), []string{"farm-1", "farm-2", "farm-3", "growth", "qa", "spring"})
	for _, p := range get[list](t, s, "phone/list", params{"pageSize": 100}).Items {
		found := false
		for _, g := range all.List {
			found = found || g.ID == p.Group.ID && g.Name == p.Group.Name && g.Remark == p.Group.Remark
		}
		equal(t, "the group of phone "+p.ID+" is listed", found, true)
	}

	second := get[named](t, s, "group/list", params{"page": 2, "pageSize": 4})
	equal(t, "second page", second.names(), []string{"qa", "spring"})
	equal(t, "total of the second page", second.Total, 6)
	equal(t, "beyond the last page", get[named](t, s, "group/list", params{"page": 9, "pageSize": 4}).names(), []string{})

	some := get[named](t, s, "group/list", params{"page": 1, "pageSize": 5, "ids": []string{all.List[1].ID, "1"}})
	equal(t, "by id", some.names(), []string{"farm-2"})
	equal(t, "an id that is none", []any{some.FailDetails[0].Code, some.FailDetails[0].Type, some.FailDetails[0].Param}, []any{43032, 1, "1"})
	some = get[named](t, s, "group/list", params{"page": 1, "pageSize": 5, "names": []string{"qa", "winter"}})
	equal(t, "by name", some.names(), []string{"qa"})
	equal(t, "a name that is none", []any{some.FailDetails[0].Code, some.FailDetails[0].Type, some.FailDetails[0].Param}, []any{43033, 2, "winter"})
	some = get[named](t, s, "group/list", params{"page": 1, "pageSize": 5, "remarks": []string{"first rack", "attic"}})
	equal(t, "by remark", some.names(), []string{"farm-1"})
	equal(t, "a remark that is none", []any{some.FailDetails[0].Code, some.FailDetails[0].Type, some.FailDetails[0].Param}, []any{43034, 3, "attic"})
}

func TestTagsAreListed(t *testing.T) {
	s, _ := still(20)
	s.Edit(s.IDs()[0], func(p *geelarktest.Phone) { p.Tags = []string{"bought"} })
	all := get[named](t, s, "tag/list", params{"page": 1, "pageSize": 10})
	equal(t, "names", all.names(), []string{"ads", "bought", "live", "priority", "shop", "warm-up"})
	colors := map[string]bool{"white": true, "red": true, "blue": true, "green": true, "yellow": true, "purple": true}
	for _, tag := range all.List {
		equal(t, tag.Name+" has a documented colour: "+tag.Color, colors[tag.Color], true)
	}
	again := get[named](t, s, "tag/list", params{"page": 1, "pageSize": 10, "ids": []string{all.List[2].ID}, "colors": []string{all.List[2].Color}})
	equal(t, "by id and colour", again.names(), []string{"live"})
	none := get[named](t, s, "tag/list", params{"page": 1, "pageSize": 10, "colors": []string{"pink"}})
	equal(t, "a colour that is none", []any{none.FailDetails[0].Code, none.FailDetails[0].Type, none.FailDetails[0].Param, len(none.List)}, []any{43023, 3, "pink", 0})
}

func TestProxiesAreListed(t *testing.T) {
	s, _ := still(50)
	all := get[named](t, s, "proxy/list", params{"page": 1, "pageSize": 100})
	equal(t, "total", []int{all.Total, len(all.List)}, []int{10, 10})
	used := map[string]bool{}
	for _, p := range phones(t, s) {
		used[p.ProxyID] = true
	}
	listed := map[string]bool{}
	for i, p := range all.List {
		listed[p.ID] = true
		equal(t, "serial number", p.SerialNo, i+1)
		if p.Server == "" || p.Port == 0 || p.Scheme == "" {
			t.Errorf("%+v", p)
		}
	}
	for id := range used {
		equal(t, "a phone's proxy is listed", listed[id], true)
	}
	equal(t, "by id", len(get[named](t, s, "proxy/list", params{"page": 1, "pageSize": 1, "ids": []string{all.List[3].ID, "1"}}).List), 1)
	equal(t, "by an id that is none", get[named](t, s, "proxy/list", params{"page": 1, "pageSize": 1, "ids": []string{"1"}}).Total, 0)
}

func TestPlansAreListedWithoutAPage(t *testing.T) {
	s, _ := still(1)
	var plans []struct {
		ID                                   string
		Price                                float64
		Level, EnvNum, FreeTime              int
		OpenEnvNumOneDay, CreateEnvNumOneDay int
	}
	if err := json.Unmarshal(call(t, s, "pay/profiles/list", "{}").Data, &plans); err != nil {
		t.Fatal(err)
	}
	for i, p := range plans {
		if p.ID == "" || p.Price <= 0 || p.EnvNum <= 0 || p.FreeTime <= 0 || p.OpenEnvNumOneDay <= 0 || p.CreateEnvNumOneDay <= 0 {
			t.Errorf("%+v", p)
		}
		equal(t, "level", p.Level, min(i, 1))
	}
}

func TestListsOfTheAccountRefuseBadRequests(t *testing.T) {
	s, _ := still(1)
	for _, endpoint := range []string{"group/list", "tag/list", "proxy/list"} {
		for _, tt := range []struct {
			name, body string
			want       geelark.Code
		}{
			{"no page at all is the first ten", `{}`, geelark.CodeOK},
			{"pages begin with 1", `{"page":0,"pageSize":10}`, geelark.CodePage},
			{"a page has at most 100", `{"page":1,"pageSize":101}`, geelark.CodePage},
			{"a page has at least one", `{"page":1,"pageSize":0}`, geelark.CodePage},
			{"ids are texts", `{"page":1,"pageSize":1,"ids":[1]}`, geelark.CodeParameter},
			{"ids are a list", `{"page":1,"pageSize":1,"ids":"1"}`, geelark.CodeParameter},
			{"it is JSON", `{`, geelark.CodeBody},
		} {
			equal(t, endpoint+": "+tt.name, call(t, s, endpoint, tt.body).Code, tt.want)
		}
	}
}
