/* SPDX-License-Identifier: ISC */
/* misc.c - times and ids; see control.h */

#include <stdio.h>
#include <time.h>

#include "control/control.h"
#include "os/os.h"

int64_t
time_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

json_t *
time_json(int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	char day[32], all[48];

	if (ms == 0 || gmtime_r(&t, &tm) == NULL)
		return json_null();
	(void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(all, sizeof(all), "%s.%03dZ", day, (int)(ms % 1000));
	return json_string(all);
}

void
id_new(char id[VM_ID_LEN + 1])
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	uint8_t r[VM_ID_LEN];

	/* 256 % 36: a bias of 2 % costs nothing of 24 characters. */
	os_random(r, sizeof(r));
	for (int i = 0; i < VM_ID_LEN; i++)
		id[i] = chars[r[i] % (i == 0 ? 26 : 36)];
	id[VM_ID_LEN] = '\0';
}
