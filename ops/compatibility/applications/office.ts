// Word processors, spreadsheets and mail: what was typed into a document that was never saved, read back by copying it.
import { randomInt } from 'node:crypto';
import type { Person, Window } from '../../user/person.ts';
import { type Application, freshWord } from '../application.ts';
import { copyText, expectText, typeAtEnd, typeOnceReady } from './copied-text.ts';

/** LibreOffice greets its user with a tip; its registry says not to. */
const LIBREOFFICE_SETTINGS = `<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
<item oor:path="/org.openoffice.Office.Common/Misc"><prop oor:name="ShowTipOfTheDay"><value>false</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Misc"><prop oor:name="FirstRun"><value>false</value></prop></item>
<item oor:path="/org.openoffice.Setup/Product"><prop oor:name="LastTimeDonateShown"><value>9999999999</value></prop></item>
<item oor:path="/org.openoffice.Setup/Product"><prop oor:name="LastTimeGetInvolvedShown"><value>9999999999</value></prop></item>
<item oor:path="/org.openoffice.Setup/Product"><prop oor:name="ooSetupLastVersion"><value>25.2</value></prop></item>
</oor:items>
`;

const COPY_ALL = ['ctrl+a', 'ctrl+c'];

async function openLibreOffice(person: Person, part: string, title: RegExp): Promise<Window> {
  const dir = '~/.config/libreoffice/4/user';
  const write = `mkdir -p ${dir} && printf %s "$1" >${dir}/registrymodifications.xcu`;
  await person.exec('sh', '-c', write, 'sh', LIBREOFFICE_SETTINGS);
  await person.launch('soffice', '--norestore', '--nologo', `--${part}`);
  return person.stillWindow({ title });
}

const writer: Application = {
  name: 'libreoffice-writer',
  label: 'LibreOffice Writer',
  base: 'compat-office',
  packageName: 'libreoffice-writer',
  processName: 'soffice.bin',
  state: 'an unsaved text',
  begin: async (person) => {
    const [first, second] = [freshWord(), freshWord()];
    const window = await openLibreOffice(person, 'writer', /Untitled 1 .*Writer/);
    await typeOnceReady(person, window, first, COPY_ALL);
    return async (later) => {
      await typeAtEnd(later, window, 'ctrl+End', ` ${second}`);
      await expectText(later, COPY_ALL, new RegExp(`^${first} ${second}$`, 'i'));
    };
  },
};

/** Types numbers into cells and a formula below them; after the resume one of them is changed, and it must follow. */
function spreadsheet(
  application: Pick<Application, 'name' | 'label' | 'base' | 'packageName' | 'processName'>,
  open: (person: Person) => Promise<Window>,
): Application {
  return {
    ...application,
    state: 'an unsaved table with a formula',
    begin: async (person) => {
      const window = await open(person);
      const [first, second, third] = [randomInt(LARGEST), randomInt(LARGEST), randomInt(LARGEST)];
      await person.clickInto(window);
      await person.expect(
        async () => {
          // Until it has come up, keys are lost.
          await person.press('ctrl+Home');
          await person.type(`${first}\n${second}\n=A1+A2\n`);
          await person.untilStill();
          return copyText(person, COPY_COLUMN);
        },
        (copied) => column(first, second, first + second).test(copied),
        'a table that takes numbers',
        90_000,
      );
      return async (later) => {
        await expectText(later, COPY_COLUMN, column(first, second, first + second));
        await later.press('ctrl+Home');
        await later.type(`${third}\n`);
        await expectText(later, COPY_COLUMN, column(third, second, third + second));
      };
    },
  };
}

/** Copies the first three cells of the first column. */
const COPY_COLUMN = ['ctrl+Home', 'shift+down', 'shift+down', 'ctrl+c'];

function column(...values: readonly number[]): RegExp {
  return new RegExp(`^${values.join('\\s+')}$`);
}

const LARGEST = 10_000;

const mail: Application = {
  name: 'thunderbird',
  label: 'Thunderbird',
  base: 'compat-browsers',
  packageName: 'thunderbird',
  processName: 'thunderbird',
  state: 'a message that was not sent',
  begin: async (person) => {
    const [first, second] = [freshWord(), freshWord()];
    const write = 'mkdir -p ~/mail && printf %s "$1" >~/mail/user.js';
    await person.exec('sh', '-c', write, 'sh', THUNDERBIRD_PREFERENCES);
    await person.launch('thunderbird', '--profile', 'mail');
    await person.clickInto(await person.stillWindow({ title: /Mozilla Thunderbird$/ }), 0.5, 0.9);
    await person.press('ctrl+n');
    const window = await person.stillWindow({ title: /^Write: / });
    await typeOnceReady(person, window, first, COPY_ALL);
    return async (later) => {
      await typeAtEnd(later, window, 'ctrl+End', ` ${second}`, 0.6);
      await expectText(later, COPY_ALL, new RegExp(`^${first} ${second}$`));
    };
  },
};

/** An account that needs no server, and nothing that asks at the first start. */
const THUNDERBIRD_PREFERENCES = `
user_pref("mail.accountmanager.accounts", "account1");
user_pref("mail.accountmanager.defaultaccount", "account1");
user_pref("mail.accountmanager.localfoldersserver", "server1");
user_pref("mail.account.account1.server", "server1");
user_pref("mail.account.account1.identities", "id1");
user_pref("mail.identity.id1.fullName", "User");
user_pref("mail.identity.id1.useremail", "user@example.org");
user_pref("mail.identity.id1.valid", true);
user_pref("mail.identity.id1.smtpServer", "smtp1");
user_pref("mail.server.server1.hostname", "Local Folders");
user_pref("mail.server.server1.name", "Local Folders");
user_pref("mail.server.server1.type", "none");
user_pref("mail.server.server1.userName", "nobody");
user_pref("mail.smtpservers", "smtp1");
user_pref("mail.smtpserver.smtp1.hostname", "localhost");
user_pref("mail.provider.suppress_dialog_on_startup", true);
user_pref("mail.rights.version", 1);
user_pref("mail.shell.checkDefaultClient", false);
user_pref("mailnews.start_page.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
`;

/** All of them. */
export const OFFICE: readonly Application[] = [
  writer,
  spreadsheet(
    {
      name: 'libreoffice-calc',
      label: 'LibreOffice Calc',
      base: 'compat-office',
      packageName: 'libreoffice-calc',
      processName: 'soffice.bin',
    },
    (person) => openLibreOffice(person, 'calc', /Untitled 1 .*Calc/),
  ),
  spreadsheet(
    {
      name: 'calligrasheets',
      label: 'Calligra Sheets',
      base: 'paper',
      packageName: 'calligrasheets',
      processName: 'calligrasheets',
    },
    async (person) => {
      await person.launch('calligrasheets', 'table.ods');
      return person.stillWindow({ windowClass: 'calligrasheets' });
    },
  ),
  mail,
];
