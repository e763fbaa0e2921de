package geelarktest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestListParameters(t *testing.T) {
	s, _ := still(5)
	id := s.IDs()[0]
	for _, tt := range []struct {
		name string
		body string
		want geelark.Code
	}{
		{"page begins at 1", `{"page":0}`, geelark.CodePage},
		{"page is not negative", `{"page":-1}`, geelark.CodePage},
		{"pageSize begins at 1", `{"pageSize":0}`, geelark.CodePage},
		{"pageSize ends at 100", `{"pageSize":101}`, geelark.CodePage},
		{"pageSize may be 100", `{"pageSize":100}`, geelark.CodeOK},
		{"page and pageSize mean nothing beside ids", `{"ids":["` + id + `"],"page":0,"pageSize":1000}`, geelark.CodeOK},
		{"page must be a number", `{"page":"1"}`, geelark.CodeParameter},
		{"page must be an integer", `{"page":1.5}`, geelark.CodeParameter},
		{"chargeMode must be a number", `{"chargeMode":"1"}`, geelark.CodeParameter},
		{"chargeMode must be 0 or 1", `{"chargeMode":2}`, geelark.CodeParameter},
		{"openStatus must be 0 or 1", `{"openStatus":2}`, geelark.CodeParameter},
		{"serialName must be a string", `{"serialName":1}`, geelark.CodeParameter},
		{"tags must be an array", `{"tags":"shop"}`, geelark.CodeParameter},
		{"serialNos must be strings", `{"serialNos":[1]}`, geelark.CodeParameter},
		{"a hundred ids are fine", encode(t, params{"ids": repeat(id, 100)}), geelark.CodeOK},
		{"more are not", encode(t, params{"ids": repeat(id, 101)}), geelark.CodeParameter},
		{"ten proxyIds are fine", encode(t, params{"proxyIds": repeat("1", 10)}), geelark.CodeOK},
		{"more are not, either", encode(t, params{"proxyIds": repeat("1", 11)}), geelark.CodeParameter},
		{"a hundred serialNos are fine", encode(t, params{"serialNos": repeat("1", 100)}), geelark.CodeOK},
		{"more are not, too", encode(t, params{"serialNos": repeat("1", 101)}), geelark.CodeParameter},
		{"empty filters are ignored", `{"serialName":"","remark":"","groupName":"","tags":[],"ids":[],"proxyIds":[],"serialNos":[]}`, geelark.CodeOK},
		{"null filters are ignored", `{"page":null,"chargeMode":null,"openStatus":null,"tags":null}`, geelark.CodeOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			equal(t, "code", call(t, s, "phone/list", tt.body).Code, tt.want)
		})
	}
}

func TestListPages(t *testing.T) {
	s, _ := still(25)
	all := s.IDs()
	for _, tt := range []struct {
		name       string
		body       params
		page, size int
		want       []string
	}{
		{"the first ten are the default", params{}, 1, 10, all[:10]},
		{"a page in the middle", params{"page": 3, "pageSize": 4}, 3, 4, all[8:12]},
		{"the last page is short", params{"page": 3}, 3, 10, all[20:]},
		{"a page beyond is empty", params{"page": 4}, 4, 10, nil},
		{"a page far beyond is empty", params{"page": 1 << 60}, 1 << 60, 10, nil},
		{"all on one page", params{"pageSize": 100}, 1, 100, all},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := get[list](t, s, "phone/list", tt.body)
			equal(t, "total, page, pageSize", []int{l.Total, l.Page, l.PageSize}, []int{25, tt.page, tt.size})
			equal(t, "ids", l.ids(), tt.want)
		})
	}
}

func TestListFilters(t *testing.T) {
	s, _ := still(90)
	all := s.IDs()
	s.Rename(all[3], "odd one")
	s.Edit(all[4], func(p *geelarktest.Phone) { p.Remark, p.Tags = "an odd remark", []string{"shop", "odd"} })
	s.Edit(all[5], func(p *geelarktest.Phone) { p.Group = "odd group" })
	some, _ := s.Phone(all[8])
	another, _ := s.Phone(all[9])
	has := func(tags ...string) func(geelarktest.Phone) bool {
		return func(p geelarktest.Phone) bool {
			return slices.ContainsFunc(p.Tags, func(tag string) bool { return slices.Contains(tags, tag) })
		}
	}
	for _, tt := range []struct {
		name string
		body params
		want func(geelarktest.Phone) bool
	}{
		{"by part of the name", params{"serialName": "odd"}, func(p geelarktest.Phone) bool { return p.ID == all[3] }},
		{"by the usual names", params{"serialName": "farm-1"}, func(p geelarktest.Phone) bool { return strings.Contains(p.SerialName, "farm-1") }},
		{"by part of the remark", params{"remark": "odd"}, func(p geelarktest.Phone) bool { return p.ID == all[4] }},
		{"by group", params{"groupName": "farm-2"}, func(p geelarktest.Phone) bool { return p.Group == "farm-2" }},
		{"by a new group", params{"groupName": "odd group"}, func(p geelarktest.Phone) bool { return p.ID == all[5] }},
		{"by part of a group, which is none", params{"groupName": "farm"}, func(geelarktest.Phone) bool { return false }},
		{"by one tag", params{"tags": []string{"shop"}}, has("shop")},
		{"by any of two tags", params{"tags": []string{"ads", "odd"}}, has("ads", "odd")},
		{"by pay per minute", params{"chargeMode": 0}, func(p geelarktest.Phone) bool { return p.ChargeMode == 0 }},
		{"by monthly subscription", params{"chargeMode": 1}, func(p geelarktest.Phone) bool { return p.ChargeMode == 1 }},
		{"by power off", params{"openStatus": 0}, func(p geelarktest.Phone) bool { return p.Status >= 2 }},
		{"by power on", params{"openStatus": 1}, func(p geelarktest.Phone) bool { return p.Status < 2 }},
		{
			"by proxy",
			params{"proxyIds": []string{some.ProxyID, another.ProxyID}},
			func(p geelarktest.Phone) bool { return p.ProxyID == some.ProxyID || p.ProxyID == another.ProxyID },
		},
		{
			"by serial number",
			params{"serialNos": []string{"10", "12", "1000"}},
			func(p geelarktest.Phone) bool { return p.SerialNo == "10" || p.SerialNo == "12" },
		},
		{"by ids", params{"ids": all[7:9]}, func(p geelarktest.Phone) bool { return p.ID == all[7] || p.ID == all[8] }},
		{"by ids and group", params{"ids": all, "groupName": "qa"}, func(p geelarktest.Phone) bool { return p.Group == "qa" }},
		{
			"by several at once",
			params{"groupName": "farm-1", "openStatus": 1, "chargeMode": 1},
			func(p geelarktest.Phone) bool { return p.Group == "farm-1" && p.Status < 2 && p.ChargeMode == 1 },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			for _, p := range phones(t, s) {
				if tt.want(p) {
					want = append(want, p.ID)
				}
			}
			tt.body["pageSize"] = 100
			l := get[list](t, s, "phone/list", tt.body)
			equal(t, "ids", l.ids(), want)
			equal(t, "total", l.Total, len(want))
		})
	}

	t.Run("the total counts what is on other pages", func(t *testing.T) {
		l := get[list](t, s, "phone/list", params{"openStatus": 1, "pageSize": 1})
		n := byStatus(t, s)
		equal(t, "total", l.Total, n[0]+n[1])
		equal(t, "items", len(l.Items), 1)
	})
}

func TestListByIDs(t *testing.T) {
	s, _ := still(30)
	all := s.IDs()
	asked := append([]string{all[20], "unknown", all[2], all[20]}, all[3:18]...)
	l := get[list](t, s, "phone/list", params{"ids": asked, "page": 2, "pageSize": 5})
	equal(t, "ids", l.ids(), append([]string{all[20], all[2]}, all[3:18]...))
	equal(t, "total, page, pageSize", []int{l.Total, l.Page, l.PageSize}, []int{17, 1, 19})
}

func TestAnUndocumentedStatusIsNeitherOnNorOff(t *testing.T) {
	s, _ := still(1)
	s.SetStatus(s.IDs()[0], 7)
	for _, open := range []int{0, 1} {
		equal(t, "total", get[list](t, s, "phone/list", params{"openStatus": open}).Total, 0)
	}
	equal(t, "status", get[list](t, s, "phone/list", params{}).Items[0].Status, 7)
}

func TestTheListDoesNotKnowExpiry(t *testing.T) {
	s, _ := still(100)
	shown := map[int]int{}
	for _, item := range get[list](t, s, "phone/list", params{"pageSize": 100}).Items {
		shown[item.Status]++
	}
	n := byStatus(t, s)
	if n[3] == 0 {
		t.Fatal("no phone is expired")
	}
	equal(t, "statuses", shown, map[int]int{0: n[0], 1: n[1], 2: n[2] + n[3]})
}

func TestPagingWhileTheFleetChanges(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(s *geelarktest.Server, all []string)
		want   func(all []string) []string
	}{
		{
			"nothing changes", func(*geelarktest.Server, []string) {},
			func(all []string) []string { return all[10:20] },
		},
		{
			"a removal makes the next page skip a phone",
			func(s *geelarktest.Server, all []string) { s.Remove(all[0]) },
			func(all []string) []string { return all[11:20] },
		},
		{
			"a move to the front makes the next page repeat a phone",
			func(s *geelarktest.Server, all []string) { s.Move(all[15], 0) },
			func(all []string) []string { return slices.Concat(all[9:15], all[16:20]) },
		},
		{
			"a move to the end makes the next page skip a phone",
			func(s *geelarktest.Server, all []string) { s.Move(all[2], 99) },
			func(all []string) []string { return append(slices.Clone(all[11:20]), all[2]) },
		},
		{
			"unknown phones do not move",
			func(s *geelarktest.Server, _ []string) { s.Move("unknown", 0) },
			func(all []string) []string { return all[10:20] },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := still(20)
			all := s.IDs()
			s.Inject(geelarktest.Fault{Endpoint: "phone/list", Before: func() func(string) {
				page := 0
				return func(string) {
					if page++; page == 2 {
						tt.change(s, all)
					}
				}
			}()})
			equal(t, "first page", get[list](t, s, "phone/list", params{"page": 1}).ids(), all[:10])
			equal(t, "second page", get[list](t, s, "phone/list", params{"page": 2}).ids(), tt.want(all))
		})
	}
}

func TestListItemsHaveEveryDocumentedField(t *testing.T) {
	s, _ := still(1)
	l := get[struct{ Items []map[string]any }](t, s, "phone/list", params{})
	item := l.Items[0]
	keys := func(v any) []string {
		var names []string
		for name := range v.(map[string]any) {
			names = append(names, name)
		}
		slices.Sort(names)
		return names
	}
	equal(t, "phone", keys(item), []string{
		"chargeMode", "createTime", "equipmentInfo", "group", "hasBind", "id", "monthlyExpire", "proxy",
		"remark", "rpaStatus", "serialName", "serialNo", "status", "tags",
	})
	equal(t, "group", keys(item["group"]), []string{"id", "name", "remark"})
	equal(t, "proxy", keys(item["proxy"]), []string{"password", "port", "server", "type", "username"})
	equal(t, "equipmentInfo", keys(item["equipmentInfo"]), []string{
		"bluetoothMac", "city", "countryName", "deviceBrand", "deviceModel", "deviceName", "enableSim", "imei",
		"language", "mac", "netType", "osVersion", "phoneNumber", "province", "timeZone", "wifiBssid",
	})
}

func TestSecretsAreInTheListOnly(t *testing.T) {
	s, _ := still(20)
	listed := call(t, s, "phone/list", `{"pageSize":100}`).Raw
	known := encode(t, phones(t, s)) + call(t, s, "phone/status", encode(t, ids(s.IDs()...))).Raw
	secrets := s.Secrets()
	if len(secrets) < 5*20 {
		t.Fatalf("only %d secrets", len(secrets))
	}
	for _, secret := range secrets {
		if secret != token && !strings.Contains(listed, secret) {
			t.Errorf("%s is not in the list", secret)
		}
		if strings.Contains(known, secret) {
			t.Errorf("%s is not in the list only", secret)
		}
	}
}

func TestALargeFleetIsListedWhole(t *testing.T) {
	c := newClock()
	s := geelarktest.New(geelarktest.Config{
		Phones: 5_000, Now: c.Now, Token: token, Still: true,
		Limits: map[string]geelarktest.Limits{"phone/list": {PerMinute: -1}},
	})
	var got []string
	for page := 1; ; page++ {
		var l struct {
			Data struct {
				Total int
				Items []struct{ ID string }
			}
		}
		a := call(t, s, "phone/list", fmt.Sprintf(`{"page":%d,"pageSize":100}`, page))
		if err := json.Unmarshal([]byte(a.Raw), &l); err != nil {
			t.Fatal(err)
		}
		if len(l.Data.Items) == 0 {
			break
		}
		for _, item := range l.Data.Items {
			got = append(got, item.ID)
		}
	}
	if !slices.Equal(got, s.IDs()) {
		t.Errorf("listed %d phones of %d", len(got), len(s.IDs()))
	}
}
