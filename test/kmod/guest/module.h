/* SPDX-License-Identifier: Apache-2.0 */
/* The module that is tried. */
#ifndef MODULE_H
#define MODULE_H

/* Each gives 0 or an errno below zero. */
long module_load(void);
long module_unload(void);

#endif
