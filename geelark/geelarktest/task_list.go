package geelarktest

import "geelark_exporter/geelark"

// The limits of "Batch query tasks" and "Query task".
const (
	defaultTasks = 10
	maxTasks     = 100
)

type taskItem struct {
	ID         string `json:"id"`
	PlanName   string `json:"planName"`
	TaskType   int    `json:"taskType"`
	SerialName string `json:"serialName"`
	EnvID      string `json:"envId"`
	ScheduleAt int64  `json:"scheduleAt"`
	Status     int    `json:"status"`
	FailCode   int    `json:"failCode,omitempty"` // of failed tasks only, as the samples show
	FailDesc   string `json:"failDesc,omitempty"`
	Cost       int    `json:"cost,omitempty"` // of tasks that completed or failed
}

type taskList struct {
	Total int        `json:"total"`
	Items []taskItem `json:"items"`
}

func (k *task) item() taskItem {
	return taskItem{
		ID: k.ID, PlanName: k.PlanName, TaskType: k.Type, SerialName: k.name, EnvID: k.Phone,
		ScheduleAt: k.ScheduleAt, Status: k.Status, FailCode: k.FailCode, FailDesc: failDescs[k.FailCode], Cost: k.Cost,
	}
}

// taskHistory answers task/historyRecords ("Batch query tasks"): tasks that
// were scheduled within the past seven days, or that are for later.
func (s *Server) taskHistory(body []byte, _ Fault) (any, geelark.Code) {
	var request struct {
		Size   *int     `json:"size"`
		LastID string   `json:"lastId"`
		IDs    []string `json:"ids"`
	}
	if code := decode(body, &request); code != geelark.CodeOK {
		return nil, code
	}
	size := defaultTasks
	if request.Size != nil {
		size = *request.Size
	}
	if size < 1 || size > maxTasks || len(request.IDs) > maxTasks {
		return nil, geelark.CodeParameter
	}
	if len(request.IDs) > 0 {
		return s.tasksOf(request.IDs), geelark.CodeOK
	}
	answer := taskList{Items: []taskItem{}}
	t := s.fleet.tasks
	if t == nil {
		return answer, geelark.CodeOK
	}
	now, g := t.fleet.now.Unix(), s.listings["task/historyRecords"]
	e := entries{first: t.forgotten, next: t.forgotten + uint64(len(t.list))}
	e.sure = e.first // a task's time is not that of its making, so each is looked at
	e.shown = func(n uint64) bool {
		k := t.list[n-t.forgotten]
		return t.remembered(k) && k.made+g.late(n) <= now
	}
	var after *uint64
	if request.LastID != "" {
		n, code := entryOf(request.LastID, e.next)
		if code != geelark.CodeOK {
			return nil, code
		}
		after = &n
	}
	page, total := g.page(e, after, size)
	answer.Total = total
	for _, n := range page {
		answer.Items = append(answer.Items, t.list[n-t.forgotten].item())
	}
	return answer, geelark.CodeOK
}

// taskQuery answers task/query ("Query task"). Tasks that it does not know
// are left out.
func (s *Server) taskQuery(body []byte, _ Fault) (any, geelark.Code) {
	var request struct {
		IDs []string `json:"ids"`
	}
	if code := decode(body, &request); code != geelark.CodeOK {
		return nil, code
	}
	if n := len(request.IDs); n < 1 || n > maxTasks {
		return nil, geelark.CodeParameter
	}
	return s.tasksOf(request.IDs), geelark.CodeOK
}

func (s *Server) tasksOf(ids []string) taskList {
	answer := taskList{Items: []taskItem{}}
	t := s.fleet.tasks
	if t == nil {
		return answer
	}
	for _, id := range ids {
		n, code := entryOf(id, t.forgotten+uint64(len(t.list)))
		if code == geelark.CodeOK && n >= t.forgotten && t.remembered(t.list[n-t.forgotten]) {
			answer.Items = append(answer.Items, t.list[n-t.forgotten].item())
		}
	}
	answer.Total = len(answer.Items)
	return answer
}
