package geelark

// A TaskCause is what tasks fail for beyond what they do themselves: what one
// remedy ends for all of its codes.
type TaskCause string

// The causes, in the words of metric labels.
const (
	CauseProxy          TaskCause = "proxy"
	CauseNetwork        TaskCause = "network"
	CauseBalance        TaskCause = "balance"
	CauseDeviceOffline  TaskCause = "device_offline"
	CauseAccountBlocked TaskCause = "account_blocked"
	CauseNotLoggedIn    TaskCause = "not_logged_in"
	CausePhoneDeleted   TaskCause = "phone_deleted"
	CauseOther          TaskCause = "other" // codes that tell of a task alone, or of nothing
)

// TaskCauses returns all causes.
func TaskCauses() []TaskCause {
	return []TaskCause{
		CauseProxy, CauseNetwork, CauseBalance, CauseDeviceOffline, CauseAccountBlocked, CauseNotLoggedIn, CausePhoneDeleted, CauseOther,
	}
}

// TaskCause returns for what a task failed that has the code (document "Batch query
// tasks" of the [API reference]).
//
// [API reference]: https://doc.geelark.com/web/#/602813392
func (c Code) TaskCause() TaskCause {
	switch c {
	case 20109, 20110, 29996:
		return CauseProxy
	case 20100, 20108:
		return CauseNetwork
	case 29997:
		return CauseBalance
	case 20129:
		return CauseDeviceOffline
	case 20136:
		return CauseAccountBlocked
	case 20116:
		return CauseNotLoggedIn
	case 29998:
		return CausePhoneDeleted
	}
	return CauseOther
}

// TaskMeaning returns what it means that a task failed with the code, or what
// codes of its hundred are about (document "Batch query tasks" of the [API
// reference]); "" for a code of none of them.
//
// [API reference]: https://doc.geelark.com/web/#/602813392
func (c Code) TaskMeaning() string {
	switch c.TaskCause() {
	case CauseProxy:
		return "the proxy does not work"
	case CauseNetwork:
		return "no network"
	case CauseBalance:
		return "the balance is too low"
	case CauseDeviceOffline:
		return "the device is offline"
	case CauseAccountBlocked:
		return "the account is blocked"
	case CauseNotLoggedIn:
		return "not logged in"
	case CausePhoneDeleted:
		return "the phone was deleted"
	}
	switch c {
	case 29999:
		return "unknown error"
	case CodeStartCap:
		return c.String()
	}
	switch c / 100 {
	case 200:
		return "the task itself"
	case 201:
		return "network, proxy, login or device"
	case 202:
		return "upload or publishing"
	case 203:
		return "registration"
	case 204, 205, 206, 207, 208, 209, 210:
		return "a page of the app"
	}
	return ""
}
