import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.ConceptValidationOptions;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.ValidationSupportContext;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import ca.uhn.fhir.validation.ValidationOptions;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.hl7.fhir.common.hapi.validation.support.BaseValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.ValueSet;
import org.hl7.fhir.utilities.npm.NpmPackage;

/** Asks HL7's instance validator about Bundles against a published package, and prints what it says by kind of message. */
public final class Validate {
    private static final String BUNDLE = "http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips";

    /** Errors that are not about the Bundle: a code or an address as the document gives it, which a summary may not change. */
    private static final Map<String, String> OF_THE_DOCUMENT = Map.of(
        "OIDs must be valid \\((2\\.999|1\\.2\\.3)\\)", "an example OID of a test document; the form that FHIR R4 gives for oid takes it",
        "Unknown code 'http://terminology\\.hl7\\.org/CodeSystem/v3-[A-Za-z]+#.*", "a code that the document names from a table of HL7 that lacks it");

    public static void main(String[] args) throws Exception {
        boolean verbose = List.of(args).contains("--verbose");
        List<String> rest = Stream.of(args).filter(a -> !a.startsWith("--")).toList();
        FhirContext context = FhirContext.forR4();
        FhirValidator validator = validator(context, Path.of(rest.get(0)));
        ValidationOptions options = new ValidationOptions().addProfile(BUNDLE);
        Map<String, List<String>> kinds = new TreeMap<>();
        int files = 0;
        for (String folder : rest.subList(1, rest.size())) {
            for (Path file : files(Path.of(folder))) {
                files++;
                int errors = 0;
                List<SingleValidationMessage> found = validator.validateWithResult(Files.readString(file), options).getMessages();
                boolean patient = found.stream().anyMatch(m -> m.getLocationString().contains("*Patient/") && ofTheDocument(m.getMessage()).isPresent());
                for (SingleValidationMessage m : found) {
                    if (m.getSeverity() == ResultSeverityEnum.INFORMATION) continue;
                    boolean wrong = m.getSeverity() == ResultSeverityEnum.ERROR || m.getSeverity() == ResultSeverityEnum.FATAL;
                    boolean follows = patient && m.getMessage().contains("Slice 'Bundle.entry:patient'");
                    Optional<String> why = follows ? Optional.of("the Patient is refused for what is listed of it") : ofTheDocument(m.getMessage());
                    boolean error = wrong && why.isEmpty();
                    if (error) errors++;
                    String kind = error ? "error    " + m.getMessageId() : wrong ? "document " + why.get() : "warning  " + m.getMessageId();
                    kinds.computeIfAbsent(kind, k -> new ArrayList<>()).add(file.getFileName() + " " + m.getLocationString() + ": " + m.getMessage());
                }
                System.out.println(file.getFileName() + ": " + errors + " errors");
            }
        }
        kinds.forEach((kind, all) -> {
            System.out.println("\n" + kind + " × " + all.size());
            all.stream().limit(verbose ? Long.MAX_VALUE : 5).forEach(line -> System.out.println("  " + line));
        });
        long errors = kinds.entrySet().stream().filter(e -> e.getKey().startsWith("error")).mapToLong(e -> e.getValue().size()).sum();
        System.out.println("\n" + files + " Bundles, " + errors + " errors");
        System.exit(files == 0 || errors > 0 ? 1 : 0);
    }

    private static Optional<String> ofTheDocument(String message) {
        return OF_THE_DOCUMENT.entrySet().stream().filter(e -> message.matches("(?s).*" + e.getKey() + ".*")).map(Map.Entry::getValue).findFirst();
    }

    private static FhirValidator validator(FhirContext context, Path folder) throws Exception {
        PrePopulatedValidationSupport published = new PrePopulatedValidationSupport(context);
        for (Path file : packages(folder)) {
            try (InputStream in = Files.newInputStream(file)) {
                NpmPackage npm = NpmPackage.fromPackage(in);
                for (String name : npm.listResources("StructureDefinition", "ValueSet", "CodeSystem")) {
                    // HAPI knows the definitions of R4 without their version.
                    String text = new String(npm.load("package", name).readAllBytes(), "UTF-8").replace("|4.0.1\"", "\"");
                    IBaseResource resource = context.newJsonParser().parseResource(text);
                    published.addResource(resource);
                }
            }
        }
        UnknownCodeSystemWarningValidationSupport unknown = new UnknownCodeSystemWarningValidationSupport(context);
        unknown.setNonExistentCodeSystemSeverity(ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity.WARNING);
        ValidationSupportChain chain = new ValidationSupportChain(
            new DefaultProfileValidationSupport(context), published, new Languages(context), new CommonCodeSystemsTerminologyService(context),
            new InMemoryTerminologyServerValidationSupport(context), new SnapshotGeneratingValidationSupport(context), unknown);
        FhirInstanceValidator instance = new FhirInstanceValidator(chain);
        instance.setNoTerminologyChecks(false);
        instance.setErrorForUnknownProfiles(true);
        return context.newValidator().registerValidatorModule(instance);
    }

    /** R4 binds Patient.communication.language to every tag of BCP 47; HAPI knows languages without a region alone. */
    private static final class Languages extends BaseValidationSupport {
        private static final String LANGUAGES = "http://hl7.org/fhir/ValueSet/languages";
        private static final String BCP_47 = "urn:ietf:bcp:47";

        Languages(FhirContext context) {
            super(context);
        }

        @Override
        public boolean isValueSetSupported(ValidationSupportContext root, String url) {
            return url != null && url.startsWith(LANGUAGES);
        }

        @Override
        public CodeValidationResult validateCodeInValueSet(ValidationSupportContext root, ConceptValidationOptions options, String system, String code, String display, IBaseResource valueSet) {
            return validateCode(root, options, system, code, display, ((ValueSet) valueSet).getUrl());
        }

        @Override
        public CodeValidationResult validateCode(ValidationSupportContext root, ConceptValidationOptions options, String system, String code, String display, String valueSet) {
            boolean ours = isValueSetSupported(root, valueSet) && (system == null || system.equals(BCP_47));
            if (!ours || code == null || Locale.forLanguageTag(code).getLanguage().isEmpty()) return null;
            return new CodeValidationResult().setCode(code).setCodeSystemName(BCP_47);
        }
    }

    private static List<Path> packages(Path folder) throws Exception {
        try (Stream<Path> all = Files.list(folder)) {
            return all.filter(p -> p.toString().endsWith(".tgz")).sorted().toList();
        }
    }

    private static List<Path> files(Path folder) throws Exception {
        try (Stream<Path> all = Files.list(folder)) {
            return all.filter(p -> p.toString().endsWith(".json")).sorted().toList();
        }
    }
}
