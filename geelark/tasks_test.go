package geelark

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestTheDocumentedTasksAreRead(t *testing.T) {
	page, err := newClient(t, play(sample(t, "task_historyRecords.json"))).TaskHistory(t.Context(), "", MaxTasks)
	want := &TaskPage{Total: 1, Last: "123456ABCDEF", Tasks: []Task{{
		ID: "123456ABCDEF", PhoneID: "123456654321", Type: TaskTikTokWarmup, Status: TaskCompleted, Scheduled: time.Unix(1718744459, 0),
	}}}
	if err != nil || !reflect.DeepEqual(page, want) {
		t.Errorf("got %+v, %v\nwant %+v", page, err, want)
	}
	tasks, err := newClient(t, play(sample(t, "task_query.json"))).Tasks(t.Context(), []string{"123456ABCDEF"})
	failed := want.Tasks[0]
	failed.Status, failed.FailCode = TaskFailed, 29999
	if err != nil || !reflect.DeepEqual(tasks, []Task{failed}) {
		t.Errorf("got %+v, %v\nwant %+v", tasks, err, failed)
	}
}

func TestTasksAreAskedForInTheDocumentedWords(t *testing.T) {
	var bodies []string
	c := newClient(t, transportFunc(func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, r.URL.Path+" "+string(body))
		return answerBody(`{"code":0,"data":{"total":0,"items":null}}`)(r)
	}))
	_, _ = c.TaskHistory(t.Context(), "", 100)
	_, _ = c.TaskHistory(t.Context(), "7", 1)
	_, _ = c.Tasks(t.Context(), []string{"7", "8"})
	want := []string{`/open/v1/task/historyRecords {"size":100}`, `/open/v1/task/historyRecords {"size":1,"lastId":"7"}`, `/open/v1/task/query {"ids":["7","8"]}`}
	if !slices.Equal(bodies, want) {
		t.Errorf("sent %q", bodies)
	}
	if _, err := c.Tasks(t.Context(), make([]string, 100)); err != nil {
		t.Errorf("a hundred ids: %v", err)
	}
	for name, err := range map[string]error{
		"no tasks on a page":     func() error { _, err := c.TaskHistory(t.Context(), "", 0); return err }(),
		"too many on a page":     func() error { _, err := c.TaskHistory(t.Context(), "", 101); return err }(),
		"no ids":                 func() error { _, err := c.Tasks(t.Context(), nil); return err }(),
		"more ids than it takes": func() error { _, err := c.Tasks(t.Context(), make([]string, 101)); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestATaskWithoutALegibleIDOrStatusIsSkipped(t *testing.T) {
	body := `{"code":0,"data":{"total":7,"items":[
		null, {"status":1}, {"id":"2"}, {"id":"3","status":"x"}, {"id":{},"status":1},
		{"id":4,"status":"2","taskType":null,"scheduleAt":9223372036854775807,"failCode":{},"cost":-5},
		{"id":"5","status":99,"taskType":42,"cost":31,"scheduleAt":100}]}}`
	page, err := newClient(t, play(answerBody(body))).TaskHistory(t.Context(), "", MaxTasks)
	want := []Task{{ID: "4", Status: TaskInProgress}, {ID: "5", Type: TaskCustom, Status: 99, Took: 31 * time.Second, Scheduled: time.Unix(100, 0)}}
	if err != nil || page.Skipped != 5 || page.Last != "5" || !reflect.DeepEqual(page.Tasks, want) {
		t.Errorf("got %+v, %v", page, err)
	}
	if !slices.Contains(page.Oddities, Oddity{"3", "status"}) {
		t.Errorf("odd are %v", page.Oddities)
	}
}

func TestAQueryOfTasksNeedsNoTotal(t *testing.T) {
	for total, good := range map[string]bool{``: false, `"total":-1,`: false, `"total":"x",`: false, `"total":1,`: true} {
		body := `{"code":0,"data":{` + total + `"items":[{"id":"1","status":3}]}}`
		tasks, err := newClient(t, play(answerBody(body))).Tasks(t.Context(), []string{"1"})
		if err != nil || len(tasks) != 1 {
			t.Errorf("%s: got %+v, %v", body, tasks, err)
		}
		if page, err := newClient(t, play(answerBody(body))).TaskHistory(t.Context(), "", 1); (err == nil) != good {
			t.Errorf("%s: got %+v, %v", body, page, err)
		}
	}
}

func TestAHistoryOfNoTasksIsOne(t *testing.T) {
	for _, items := range []string{`null`, `[]`} {
		page, err := newClient(t, play(answerBody(`{"code":0,"data":{"total":0,"items":`+items+`}}`))).TaskHistory(t.Context(), "", MaxTasks)
		if err != nil || page.Total != 0 || len(page.Tasks) != 0 || page.Last != "" {
			t.Errorf("items %s: got %+v, %v", items, page, err)
		}
	}
}

func TestATaskTakesLessThanTheVendorRemembersIt(t *testing.T) {
	for cost, want := range map[string]time.Duration{
		`null`: 0, `-1`: 0, `0`: 0, `1`: time.Second, `604799`: 7*24*time.Hour - time.Second, `604800`: 0, `1e15`: 0, `"x"`: 0,
	} {
		body := `{"code":0,"data":{"total":1,"items":[{"id":"1","status":3,"cost":` + cost + `}]}}`
		page, err := newClient(t, play(answerBody(body))).TaskHistory(t.Context(), "", MaxTasks)
		if err != nil || len(page.Tasks) != 1 || page.Tasks[0].Took != want {
			t.Errorf("cost %s: got %+v, %v, want %s", cost, page, err, want)
		}
	}
}

func TestTypesAndStatusesOfTasksHaveWords(t *testing.T) {
	words := map[string]bool{}
	for i := range 50 {
		words[TaskType(i).String()] = true
		words[TaskStatus(i).String()] = true
	}
	if len(words) != 6+1+5+1 {
		t.Errorf("got %v", words)
	}
	for s, ended := range map[TaskStatus]bool{TaskWaiting: false, TaskInProgress: false, TaskCompleted: true, TaskFailed: true, TaskCancelled: true, 99: false} {
		if s.Ended() != ended {
			t.Errorf("%v has ended: %v", s, s.Ended())
		}
	}
}

func TestAPartOfAListIsNoList(t *testing.T) {
	for _, code := range []Code{CodePartial, CodeBatchFailed} {
		c := newClient(t, play(answerBody(fmt.Sprintf(`{"code":%d,"data":{"total":0,"list":[],"items":[]}}`, int(code)))))
		flows, err := c.Transactions(t.Context(), FlowQuery{})
		if !errors.Is(err, code) || flows != nil {
			t.Errorf("flows: got %+v, %v", flows, err)
		}
		history, err := c.TaskHistory(t.Context(), "", 1)
		if !errors.Is(err, code) || history != nil {
			t.Errorf("history: got %+v, %v", history, err)
		}
		if tasks, err := c.Tasks(t.Context(), []string{"1"}); !errors.Is(err, code) || tasks != nil {
			t.Errorf("tasks: got %+v, %v", tasks, err)
		}
	}
}
