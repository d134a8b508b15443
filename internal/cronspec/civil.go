package cronspec

// MaxYear is the last year for which fire times are listed: the last that Temporal's calendars know
// (go.temporal.io/server service/worker/scheduler/calendar.go, maxCalendarYear).
const MaxYear = 2100

// Calendar arithmetic on the proleptic Gregorian calendar in plain integers: a day is the
// number of days since 1970-01-01. It avoids package time, whose Date resolves times in a gap
// by a rule that depends on the zone's side of UTC.

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

func ceilDiv(a, b int64) int64 { return -floorDiv(-a, b) }

// daysFromCivil counts years from March, so that the leap day ends a year, in cycles of 400
// years (146,097 days).
func daysFromCivil(year, month, day int) int64 {
	y, m := int64(year), int64(month)
	if m <= 2 {
		y, m = y-1, m+12
	}
	cycle := floorDiv(y, 400)
	y -= cycle * 400
	return cycle*146097 + y*365 + y/4 - y/100 + (153*(m-3)+2)/5 + int64(day) - 1 - 719468
}

func civil(days int64) (year, month, day int) {
	days += 719468
	cycle := floorDiv(days, 146097)
	d := days - cycle*146097
	y := (d - d/1460 + d/36524 - d/146096) / 365
	d -= y*365 + y/4 - y/100
	m := (5*d + 2) / 153
	day = int(d-(153*m+2)/5) + 1
	y += cycle * 400
	if m < 10 {
		return int(y), int(m) + 3, day
	}
	return int(y) + 1, int(m) - 9, day
}

func daysIn(year, month int) int {
	if month == 2 && (year%4 != 0 || year%100 == 0 && year%400 != 0) {
		return 28
	}
	return longestMonth[month]
}

// weekday of a day, 0 for Sunday; 1970-01-01 was a Thursday.
func weekday(day int64) int { return int(floorMod(day+4, 7)) }
