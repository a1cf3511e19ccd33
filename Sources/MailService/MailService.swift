// MailService
